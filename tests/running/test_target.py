import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from workmill.running.target import load_program
from workmill.words.errors import ConfigError


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder to import from, which leaves no trace in this process."""
    path, modules = list(sys.path), set(sys.modules)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def write(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.py").write_text(text)


def test_an_application_is_imported_from_the_folder(folder: Path) -> None:
    write(folder, "target_good", "from workmill import App\nclass inner:\n    app = App('memory://')\n")

    program = load_program("target_good:inner.app", folder)

    assert program.url == "memory://"


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("main", "not of the form module:attribute"),
        (":app", "not of the form module:attribute"),
        ("main:", "not of the form module:attribute"),
        ("target_nowhere:app", "there is no module 'target_nowhere'"),
        ("target_nowhere.sub:app", "there is no module 'target_nowhere'"),
        ("target_bare:app", "it has no attribute 'app'"),
        ("target_bare:other", "is a int, not a workmill.App"),
        ("target_lacking:app", "No module named 'target_absent'"),
        ("target_raising:app", "ZeroDivisionError"),
    ],
)
def test_what_cannot_be_loaded_is_said_by_name(folder: Path, target: str, said: str) -> None:
    write(folder, "target_bare", "other = 1\n")
    write(folder, "target_lacking", "import target_absent\n")
    write(folder, "target_raising", "def divide():\n    return 1 / 0\n\ndivide()\n")

    with pytest.raises(ConfigError) as refused:
        load_program(target, folder)

    assert f"application {target!r}" in str(refused.value)
    assert said in str(refused.value)


def test_an_error_in_the_module_is_shown_with_its_own_frames_only(folder: Path) -> None:
    write(folder, "target_raising", "def divide():\n    return 1 / 0\n\ndivide()\n")

    with pytest.raises(ConfigError) as refused:
        load_program("target_raising:app", folder)

    assert "line 2, in divide" in str(refused.value)
    assert "importlib" not in str(refused.value)


def test_what_this_library_refuses_is_shown_where_the_module_asked_for_it(folder: Path) -> None:
    write(folder, "target_elsewhere", "from workmill import App\n\napp = App('mysql://nowhere')\n")

    with pytest.raises(ConfigError) as refused:
        load_program("target_elsewhere:app", folder)

    message = str(refused.value)
    assert "line 3, in <module>" in message
    assert "names no store" in message
    assert message.count("line ") == 1


def test_a_class_is_no_application(folder: Path) -> None:
    write(folder, "target_class", "from workmill import App\n\napp = App('memory://')\n")

    with pytest.raises(ConfigError, match=r"is a type, not a workmill\.App; that module has target_class:app"):
        load_program("target_class:App", folder)


def test_objects_that_raise_when_they_are_asked_anything_are_no_applications(folder: Path) -> None:
    proxy = "class Proxy:\n    def __getattr__(self, name):\n        raise RuntimeError(name)\n"
    write(folder, "target_proxy", f"{proxy}\nrequest = Proxy()\n")

    with pytest.raises(ConfigError, match=r"is a Proxy, not a workmill\.App$"):
        load_program("target_proxy:request", folder)
