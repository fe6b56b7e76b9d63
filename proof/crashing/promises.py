"""What single plays promise beyond what every history is checked for."""

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import TypeAlias

from proof.checking.violation import Violation
from proof.crashing.ruled import TICK_SECONDS
from proof.histories.dump import Dump

Promise: TypeAlias = Callable[[Dump], Iterable[Violation]]


def every_tick(dump: Dump) -> Iterator[Violation]:
    """Look for ticks that made no job though later ones made theirs."""
    ticks = {job.tick for job in dump.jobs if job.schedule}
    for before, after in pairwise(sorted(ticks)):
        if after - before != TICK_SECONDS:
            yield Violation(invariant="I14 ticks", job="", text=f"no job was made between {before:g} and {after:g}")


PROMISES: dict[str, Promise] = {"tick": every_tick}
