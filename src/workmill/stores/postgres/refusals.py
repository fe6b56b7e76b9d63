"""What the server refuses to store, as the errors that callers know."""

import json
from collections.abc import Sequence

from workmill.words.codec import Json
from workmill.words.errors import (
    JobConflict,
    ParentNotFound,
    QueueFull,
    StoreUnavailable,
    UniqueConflict,
    WorkmillError,
)


class BoundKept(StoreUnavailable):
    """Somebody who has stored jobs on a bounded queue has not ended his transaction: for who can wait elsewhere."""

    def __init__(self, queues: Sequence[str]) -> None:
        super().__init__(
            f"a transaction that is still open has stored jobs on a bounded queue of these: {', '.join(queues)}; "
            "commit it or roll it back, then repeat the call"
        )


def refusal(detail: str) -> WorkmillError:
    """Return the error that a refusal stands for."""
    fields: dict[str, Json] = json.loads(detail)
    match fields["error"]:
        case "unique":
            return UniqueConflict(fields["id"], fields["task"], fields["state"])
        case "parent":
            return ParentNotFound(fields["id"], fields["parent"])
        case "kept":
            return BoundKept(fields["queues"])
        case "full":
            return QueueFull(fields["queue"], fields["waiting"])
        case _:
            return JobConflict(
                fields["id"], f"has the key {fields['key']!r} of task {fields['task']!r} with other arguments"
            )
