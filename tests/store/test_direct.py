"""What a store may offer besides the contract is told by its verb alone."""

from collections.abc import Sequence

from workmill.store import Enqueued
from workmill.store.direct import Direct
from workmill.words.job import NewJob


class Quick:
    def enqueue_blocking(self, jobs: Sequence[NewJob]) -> list[Enqueued] | None:
        return None if jobs else []


def test_store_with_the_verb_offers_it() -> None:
    assert isinstance(Quick(), Direct)


def test_store_without_the_verb_does_not() -> None:
    assert not isinstance(object(), Direct)
