import json
from collections.abc import Callable

from tests.cli.conftest import Run
from workmill import App, task_document

Runner = Callable[..., Run]


def test_list_names_every_task_with_the_first_line_of_its_docstring(run: Runner) -> None:
    listed = run("tasks", "list", "-o", "plain")

    assert listed.code == 0
    assert "resize\tdefault\t1\tResize an image." in listed.out.splitlines()
    assert len(listed.out.splitlines()) == 5


def test_json_is_what_http_answers(app: App, run: Runner) -> None:
    listed, shown = run("tasks", "list", "--json"), run("tasks", "show", "resize", "--json")

    assert json.loads(listed.out) == {"items": [task_document(app.tasks[name]) for name in sorted(app.tasks)]}
    assert json.loads(shown.out) == task_document(app.tasks["resize"])


def test_show_has_the_docstring_and_the_schema(run: Runner) -> None:
    shown = run("tasks", "show", "resize")

    assert "  Resize an image." in shown.out.splitlines()
    assert '"max_depth": {' in shown.out


def test_an_unknown_task_is_not_found(run: Runner) -> None:
    assert run("tasks", "show", "nothing").code == 5
