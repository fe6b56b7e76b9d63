"""What messages of scripts say to a listener, and what it keeps of them."""

import msgpack
import pytest

from workmill.store import Notice, NoticeKind
from workmill.stores.hearing import MOST_KEPT, Ear
from workmill.stores.redis.listening import read

QUEUED, CHANGED, PUBLISHED = NoticeKind.QUEUED, NoticeKind.CHANGED, NoticeKind.PUBLISHED


@pytest.mark.parametrize(
    ("kind", "names", "expected"),
    [
        (QUEUED, ["a", "b"], [Notice(kind=QUEUED, queue="a"), Notice(kind=QUEUED, queue="b")]),
        (QUEUED, [], [Notice(kind=QUEUED)]),
        (CHANGED, ["1", "2"], [Notice(kind=CHANGED, job_ids=("1", "2"))]),
        (CHANGED, [], [Notice(kind=CHANGED)]),
        (PUBLISHED, ["news"], [Notice(kind=PUBLISHED, channel="news")]),
        (PUBLISHED, [], [Notice(kind=PUBLISHED)]),
    ],
)
def test_message_names_what_it_is_about(kind: NoticeKind, names: list[str], expected: list[Notice]) -> None:
    assert read(kind, msgpack.packb(names)) == expected


def test_time_needs_no_words() -> None:
    assert read(NoticeKind.SCHEDULED, b"") == [Notice(kind=NoticeKind.SCHEDULED)]


@pytest.mark.parametrize("payload", [b"", b"\xc1", b"\x01", b"\x92\xa1a"])
def test_message_of_a_stranger_says_nothing(payload: bytes) -> None:
    assert read(QUEUED, payload) == []


async def test_ear_that_nobody_asks_keeps_one_notice_of_each_kind() -> None:
    ear = Ear(frozenset({QUEUED, CHANGED}))

    for number in range(MOST_KEPT):
        ear.hear([Notice(kind=QUEUED, queue=f"q{number}"), Notice(kind=PUBLISHED)])
    ear.hear([Notice(kind=CHANGED, job_ids=("1",))])

    assert await ear.next(0) == [Notice(kind=QUEUED), Notice(kind=CHANGED)]
    assert await ear.next(0) == []
