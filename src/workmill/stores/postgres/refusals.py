"""What the server refuses to store, as the errors that callers know."""

import json

from workmill.words.codec import Json
from workmill.words.errors import JobConflict, ParentNotFound, QueueFull, UniqueConflict, WorkmillError


def refusal(detail: str) -> WorkmillError:
    """Return the error that a refusal stands for."""
    fields: dict[str, Json] = json.loads(detail)
    match fields["error"]:
        case "unique":
            return UniqueConflict(fields["id"], fields["task"], fields["state"])
        case "parent":
            return ParentNotFound(fields["id"], fields["parent"])
        case "full":
            return QueueFull(fields["queue"], fields["waiting"])
        case _:
            return JobConflict(
                fields["id"], f"has the key {fields['key']!r} of task {fields['task']!r} with other arguments"
            )
