"""`workmill publish`: publish a message on a channel."""

import json
from typing import Annotated

from cyclopts import App as Parser
from cyclopts import Parameter

from workmill import message_document
from workmill.cli.call import read_json
from workmill.cli.exits import Exit, UsageError
from workmill.cli.loading import load_app
from workmill.cli.options import SHOWING, Showing
from workmill.cli.output import show_json

publish = Parser(name="publish", help="Publish a message on a channel.", version_flags=())


@publish.default
def publish_message(
    channel: Annotated[str, Parameter(name="CHANNEL")],
    data: Annotated[str, Parameter(name="JSON", help="The message: JSON, @FILE, or - for stdin.")] = "null",
    *,
    id: Annotated[str | None, Parameter(help="A UUID: to publish again with it publishes nothing more.")] = None,
    showing: Showing = SHOWING,
) -> int:
    """Publish a JSON value on a channel: every hearer gets it, and every durable subscription makes a job of it."""
    try:
        value = json.loads(read_json(data, "JSON"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the message is not JSON: {error}; quote a text twice, as in '\"text\"'") from None
    message = load_app(showing.app).publish(channel, value, id=id)
    if showing.json:
        show_json(message_document(message))
    else:
        print(message.id)
    return Exit.OK


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
