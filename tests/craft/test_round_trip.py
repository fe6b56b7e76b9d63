"""Whatever is written as JSON is read back the same: by a task, by a caller, by a client that sends it again."""

from datetime import UTC, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.craft.kinds import Blob, Colour, Image, Size
from workmill.craft.signature import Signature

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)
images = st.builds(
    Image,
    path=st.text(),
    size=st.builds(Size, st.integers(), st.integers()),
    colour=st.sampled_from(Colour),
    taken_at=st.none() | st.datetimes(timezones=st.just(UTC)),
)
fields = {
    "text": st.text(),
    "blob": st.builds(Blob, st.text(), st.binary()),
    "images": st.lists(images, max_size=3),
    "lengths": st.dictionaries(st.integers(), st.timedeltas(), max_size=3),
    "price": st.decimals(allow_nan=False, allow_infinity=False),
    "rest": values,
}


def take(
    *, text: str, blob: Blob, images: list[Image], lengths: dict[int, timedelta], price: Decimal, rest: Any
) -> Any:
    return [text, blob, images, lengths, price, rest]


def give() -> tuple[str, Blob, list[Image], dict[int, timedelta], Decimal, Any]:
    raise NotImplementedError


TAKE = Signature("take", take)
GIVE = Signature("give", give)


@pytest.mark.slow
@given(**fields)
def test_arguments_come_back_the_same(**given: Any) -> None:
    stored = TAKE.dump_call((), given)

    assert TAKE.load_call(stored) == given
    assert TAKE.load_call(TAKE.dump_json_call(stored)) == given


@pytest.mark.slow
@given(**fields)
def test_results_come_back_the_same(**given: Any) -> None:
    stored = GIVE.dump_result(tuple(given.values()))

    assert GIVE.load_result(stored) == tuple(given.values())
