"""How what a verb has done so far is taken back when it refuses after all."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

Step: TypeAlias = Callable[[], object]


class Undo:
    """The steps back, noted by whatever is changed while a verb may still refuse, and by nothing at other times."""

    def __init__(self) -> None:
        self._steps: list[Step] | None = None

    @property
    def is_open(self) -> bool:
        """Whether steps are noted now."""
        return self._steps is not None

    def note(self, step: Step) -> None:
        """Note how to take back what was done just now."""
        if self._steps is not None:
            self._steps.append(step)

    @contextmanager
    def all_or_none(self) -> Iterator[None]:
        """Take back all that is done inside, the last first, where an error leaves it."""
        self._steps = steps = list[Step]()
        try:
            yield
        except BaseException:
            self._steps = None
            for step in reversed(steps):
                step()
            raise
        finally:
            self._steps = None
