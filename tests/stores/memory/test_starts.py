from datetime import UTC, datetime, timedelta

from workmill.stores.memory.starts import SLACK, Starts
from workmill.words.limit import Rate, Scope

NOW = datetime(2030, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_keys_that_began_nothing_lately_take_no_memory() -> None:
    starts = Starts()
    starts.keep({(Scope.KEY, "tenant"): Rate(2, 1)}, NOW)
    for number in range(20 * SLACK):
        starts.add((Scope.KEY, "tenant", str(number)), NOW + number * SECOND)

    assert len(starts._logs) <= 2 * SLACK  # noqa: SLF001 - no public name shows the memory it takes


def test_subject_that_opens_is_named_once() -> None:
    starts, subject = Starts(), (Scope.TASK, "resize", "")
    starts.keep({(Scope.TASK, "resize"): Rate(1, 10)}, NOW)
    starts.add(subject, NOW)

    named = [starts.opened(NOW + seconds * SECOND) for seconds in (0, 9, 10, 11)]

    assert named == [[], [], [subject], []]


def test_subject_that_is_shut_longer_now_is_not_named_when_it_would_have_opened() -> None:
    starts, subject = Starts(), (Scope.TASK, "resize", "")
    starts.keep({(Scope.TASK, "resize"): Rate(1, 10)}, NOW)
    starts.add(subject, NOW)
    starts.keep({(Scope.TASK, "resize"): Rate(1, 20)}, NOW + SECOND)

    assert starts.next_at == NOW + 20 * SECOND
    assert [starts.opened(NOW + seconds * SECOND) for seconds in (10, 20)] == [[], [subject]]


def test_rate_that_is_gone_counts_nothing() -> None:
    starts, subject = Starts(), (Scope.TASK, "resize", "")
    starts.keep({(Scope.TASK, "resize"): Rate(1, 10)}, NOW)
    starts.add(subject, NOW)

    starts.keep({}, NOW)

    assert not starts
    assert starts.opens_at(subject, NOW) is None
    assert (starts.next_at, starts._logs) == (None, {})  # noqa: SLF001 - as above
