import sys
from pathlib import Path

import pytest

from workmill import ConfigError
from workmill.cli.loading import find_app, import_app, load_app, locate


@pytest.fixture(autouse=True)
def _own_imports(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - it must be there
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(sys, "modules", sys.modules.copy())


def test_the_command_line_comes_before_the_environment_and_that_before_pyproject(project: Path) -> None:
    environ = {"WORKMILL_APP": "of_environment:app"}

    assert locate("given:app", environ=environ, folder=project).spec == "given:app"
    assert locate(None, environ=environ, folder=project).spec == "of_environment:app"
    assert locate(None, environ={}, folder=project).spec == "shop:app"


def test_the_nearest_pyproject_above_is_read_and_its_folder_imported_from(project: Path) -> None:
    deep = project / "docs" / "guide"
    deep.mkdir(parents=True)

    address = locate(None, environ={}, folder=deep)

    assert (address.spec, address.folder, address.origin) == ("shop:app", project, str(project / "pyproject.toml"))


def test_the_nearest_pyproject_counts_even_if_it_names_no_application(project: Path) -> None:
    inner = project / "inner"
    inner.mkdir()
    (inner / "pyproject.toml").write_text("[tool.other]\n")

    with pytest.raises(ConfigError, match="no application is named"):
        locate(None, environ={}, folder=inner)


@pytest.mark.parametrize("text", ["[tool.workmill]\napp = 5\n", "tool = 1\n", "[tool]\nworkmill = []\n", "not toml"])
def test_a_pyproject_that_makes_no_sense_is_an_error_of_configuration(project: Path, text: str) -> None:
    (project / "pyproject.toml").write_text(text)

    with pytest.raises(ConfigError):
        find_app(None)


def test_an_application_is_loaded_from_its_folder() -> None:
    assert sorted(load_app(None).tasks) == ["fail", "give_up", "queue-clash", "resize", "wait_for_cancel"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("shop", "is not of the form module:attribute; write it like main:app"),
        ("shop.py:app", "no module 'shop.py'|not of the form"),
        ("./shop:app", "is not of the form module:attribute"),
        ("nowhere:app", "there is no module 'nowhere'"),
        ("shop:ap", "it has no attribute 'ap'; did you mean 'app'?"),
        ("shop:resize", "is a Task, not a workmill.App; that module has shop:app"),
        ("shop:app.nothing.more", "it has no attribute 'nothing'"),
    ],
)
def test_what_is_no_application_is_refused_with_the_reason(spec: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_app(spec)


def test_what_a_module_raises_is_shown_with_its_own_frames_only(project: Path) -> None:
    (project / "broken.py").write_text("def inner():\n    raise RuntimeError('no database')\n\ninner()\n")

    with pytest.raises(ConfigError) as refused:
        load_app("broken:app")

    message = str(refused.value)
    assert "RuntimeError: no database" in message
    assert "broken.py" in message
    assert "importlib" not in message


def test_a_module_missing_inside_the_application_is_not_taken_for_the_application(project: Path) -> None:
    (project / "needy.py").write_text("import not_installed_anywhere\n")

    with pytest.raises(ConfigError, match=r"cannot be imported:\n(.|\n)*No module named 'not_installed_anywhere'"):
        load_app("needy:app")


def test_who_named_the_application_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKMILL_APP", "nowhere:app")

    with pytest.raises(ConfigError, match=r"application 'nowhere:app' \(from WORKMILL_APP\)"):
        import_app(find_app(None))
