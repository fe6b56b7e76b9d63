from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.words.test_codec import LENGTHS, POLICIES, TEXT
from workmill.words.codec import dump, load
from workmill.words.limit import Gate
from workmill.words.plan_codec import dump_plan, load_plan
from workmill.words.policy import Policy
from workmill.words.schedule import Missed, Overlap, Plan

PLANS = st.builds(
    Plan,
    name=TEXT,
    when=TEXT,
    pause=st.none() | LENGTHS,
    task=TEXT,
    queue=TEXT,
    priority=st.integers(-(2**31), 2**31 - 1),
    args=TEXT.map(str.encode),
    policy=POLICIES,
    gates=st.lists(st.builds(Gate, name=TEXT, key=TEXT)).map(tuple),
    overlap=st.sampled_from(Overlap),
    missed=st.sampled_from(Missed),
)
PLAN = Plan(
    name="nightly",
    when="cron 0 3 * * *",
    pause=None,
    task="resize",
    queue="default",
    priority=0,
    args=b'{"width":7}',
    policy=Policy(expires=timedelta(hours=1)),
    gates=(Gate(name="tenant", key="a"),),
)


@given(PLANS)
def test_plan_comes_back(plan: Plan) -> None:
    assert load_plan(dump_plan(plan)) == plan


@given(PLANS)
def test_equal_plans_give_equal_text(plan: Plan) -> None:
    assert dump_plan(load_plan(dump_plan(plan))) == dump_plan(plan)


@pytest.mark.parametrize("text", ["", "{", "null", "[]", "7", '"a"', "{}"])
def test_what_is_no_plan_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - no more is promised
        load_plan(text)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("pause", "x"),
        ("args", 7),
        ("args", None),
        ("policy", "[]"),
        ("policy", None),
        ("gates", None),
        ("gates", [7]),
        ("gates", [["a"]]),
        ("overlap", "maybe"),
        ("missed", None),
    ],
)
def test_plan_with_a_field_that_cannot_be_read_is_a_value_error(field: str, value: object) -> None:
    text = dump({**load(dump_plan(PLAN)), field: value}).decode()

    with pytest.raises(ValueError):  # noqa: PT011 - no more is promised
        load_plan(text)


@pytest.mark.parametrize("field", load(dump_plan(PLAN)))
def test_plan_without_a_field_is_a_value_error(field: str) -> None:
    fields = load(dump_plan(PLAN))
    del fields[field]

    with pytest.raises(ValueError, match="no plan"):
        load_plan(dump(fields).decode())
