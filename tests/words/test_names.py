import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workmill.words.errors import InvalidOption
from workmill.words.names import canonical_id, check_key, check_name, job_id

ID = "018f0c3e-1234-7abc-8def-0123456789ab"


@pytest.mark.parametrize("name", ["a", "x" * 128, "shop.tasks:send-mail_2", "-", "0"])
def test_name_of_allowed_characters_is_returned(name: str) -> None:
    assert check_name("queue", name) == name


@pytest.mark.parametrize("name", ["", "x" * 129, "a b", "é", "a\n", "a/b", "a'", None, 7])
def test_any_other_name_is_refused_by_option_and_value(name: object) -> None:
    with pytest.raises(InvalidOption) as refused:
        check_name("queue", name)  # type: ignore[arg-type] - wrong on purpose

    assert (refused.value.option, refused.value.value) == ("queue", name)


@pytest.mark.parametrize("key", ["a", "k" * 255, "é 😀 '", " "])
def test_printable_key_is_returned(key: str) -> None:
    assert check_key(key) == key


@pytest.mark.parametrize("key", ["", "k" * 256, "a\nb", "\x00", "\ud800", None, b"a"])
def test_any_other_key_is_refused(key: object) -> None:
    with pytest.raises(InvalidOption) as refused:
        check_key(key)  # type: ignore[arg-type] - wrong on purpose

    assert refused.value.option == "key"


@given(st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=16))
def test_job_id_is_a_uuid_of_version_7_that_holds_its_time(milliseconds: int, randomness: bytes) -> None:
    text = job_id(milliseconds, randomness)

    made = uuid.UUID(text)
    assert str(made) == text
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == milliseconds


def test_job_ids_sort_by_time() -> None:
    ids = [job_id(milliseconds, b"\xff" * 10) for milliseconds in (0, 1, 255, 256, 2**40)]

    assert ids == sorted(ids)


def test_job_ids_differ_by_their_randomness() -> None:
    assert job_id(1, bytes(10)) != job_id(1, bytes(9) + b"\x01")


@pytest.mark.parametrize("text", [ID, ID.upper(), ID.replace("-", ""), f"{{{ID}}}", f"urn:uuid:{ID}"])
def test_every_spelling_of_an_id_becomes_one(text: str) -> None:
    assert canonical_id(text) == ID


@pytest.mark.parametrize("text", ["", "x", ID[:-1], ID + "0", None, 7, b"\x00" * 16])
def test_what_is_no_id_is_none(text: object) -> None:
    assert canonical_id(text) is None  # type: ignore[arg-type] - wrong on purpose
