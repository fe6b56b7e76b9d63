"""`workmill tasks`: what the application can do."""

from typing import Annotated

from cyclopts import App as Parser
from cyclopts import Parameter

from workmill import task_document
from workmill.cli.exits import Exit
from workmill.cli.loading import load_app
from workmill.cli.options import LISTING, SHOWING, Listing, Showing
from workmill.cli.output import Column, Document, json_text, show_fields, show_items, show_json

tasks = Parser(name="tasks", help="List and show the registered tasks.", version_flags=())

_COLUMNS = (
    Column(heading="TASK", read=lambda task: task["name"]),
    Column(heading="QUEUE", read=lambda task: task["queue"]),
    Column(heading="ATTEMPTS", read=lambda task: task["max_attempts"]),
    Column(heading="ABOUT", read=lambda task: str(task["doc"]).partition("\n")[0]),
)


@tasks.command(name="list")
def list_tasks(*, listing: Listing = LISTING) -> int:
    """List the registered tasks."""
    app = load_app(listing.app)
    body = {"items": [task_document(app.tasks[name]) for name in sorted(app.tasks)]}
    show_items(body, _COLUMNS, listing.form)
    return Exit.OK


@tasks.command
def show(task: Annotated[str, Parameter(help="Its name.")], *, showing: Showing = SHOWING) -> int:
    """Show one task: what it takes, what it gives, and its rules."""
    document = task_document(load_app(showing.app).task_named(task))
    if showing.json:
        show_json(document)
    else:
        _show_task(document)
    return Exit.OK


def _show_task(document: Document) -> None:
    texts = {name: value if isinstance(value, str) else json_text(value, width=2) for name, value in document.items()}
    show_fields([(name.replace("_", " "), text) for name, text in texts.items() if text != "null"])
