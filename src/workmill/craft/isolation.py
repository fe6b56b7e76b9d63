"""How the jobs of a task run that gets a process of its own."""

from dataclasses import dataclass
from datetime import timedelta

from workmill.words.duration import Duration, checked_length
from workmill.words.errors import InvalidOption
from workmill.words.size import Size, checked_size

GRACE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolation:
    """What holds for each attempt in its process.

    Attributes:
        grace: How long it may take to end when it was asked to, before it is made to.
        memory: How many bytes it may take, with what it starts; None for no limit.
    """

    grace: timedelta = GRACE
    memory: int | None = None


def checked_isolation(*, process: bool, grace: Duration | None, memory: Size | None) -> Isolation | None:
    """Return what the options of a task say of its process; None where it gets none of its own.

    Raises:
        InvalidOption: One is out of its range, or stands without `process=True`.
    """
    if process is not True and process is not False:
        raise InvalidOption("process", process, "give True for a process of its own, or False")
    for option, value in (("grace", grace), ("memory", memory)):
        if value is not None and not process:
            raise InvalidOption(option, value, "it needs process=True: only a process of its own can be ended")
    if not process:
        return None
    return Isolation(
        grace=GRACE if grace is None else checked_length("grace", grace),
        memory=None if memory is None else checked_size("memory", memory),
    )
