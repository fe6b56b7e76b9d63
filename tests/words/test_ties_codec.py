from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workmill.words.limit import Gate
from workmill.words.ties import Feed, Needs, Ties
from workmill.words.ties_codec import dump_ties, load_ties

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NAMES = st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
TIES = st.builds(
    Ties,
    gates=st.lists(st.builds(Gate, name=TEXT, key=TEXT)).map(tuple),
    flow=NAMES,
    schedule=NAMES,
    tick=st.none() | st.datetimes(timezones=st.just(UTC)),
    feed=st.sampled_from(Feed),
    needs=st.sampled_from(Needs),
)


@given(TIES)
def test_ties_come_back(ties: Ties) -> None:
    assert load_ties(dump_ties(ties)) == ties


def test_only_what_there_is_of_them_is_written() -> None:
    tick = datetime(2030, 1, 1, 12, 0, 0, 5, tzinfo=UTC)

    assert dump_ties(Ties()) == "{}"
    assert dump_ties(Ties(flow="f")) == '{"flow":"f"}'
    assert dump_ties(Ties(schedule="s", tick=tick)) == '{"schedule":"s","tick":"2030-01-01T12:00:00.000005+00:00"}'
    assert dump_ties(Ties(gates=(Gate(name="a", key="b"),), feed=Feed.ID)) == '{"gates":[["a","b"]],"feed":"id"}'
    assert dump_ties(Ties(needs=Needs.FAILURE)) == '{"needs":"failure"}'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        "7",
        '"a"',
        '{"gates":7}',
        '{"gates":[7]}',
        '{"gates":[["a"]]}',
        '{"gates":[["a","b","c"]]}',
        '{"tick":7}',
        '{"tick":"noon"}',
        '{"feed":"all"}',
        '{"feed":[]}',
        '{"needs":"luck"}',
    ],
)
def test_what_are_no_ties_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - no more is promised
        load_ties(text)
