from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workmill.words import codec
from workmill.words.job import Progress
from workmill.words.outcome import Failure, FailureKind
from workmill.words.policy import Policy
from workmill.words.retry import Backoff

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
LENGTHS = st.timedeltas(min_value=timedelta(0))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
)
POLICIES = st.builds(
    Policy,
    max_attempts=st.integers(1, 1000),
    max_deaths=st.integers(1, 1000),
    backoff=st.builds(Backoff, first=LENGTHS, factor=st.floats(1, 1e6), most=LENGTHS, jitter=st.floats(0, 1)),
    timeout=st.none() | LENGTHS,
    keep=LENGTHS,
    expires=st.none() | LENGTHS,
)
ENDLESS: list[object] = []
ENDLESS.append(ENDLESS)
DEEP = "[" * 100_000 + "]" * 100_000


@settings(max_examples=20)
@given(JSON)
def test_json_value_comes_back(value: object) -> None:
    assert codec.load(codec.dump(value)) == value


def test_json_is_compact_utf_8() -> None:
    assert codec.dump({"é": [1, None, "\x00"]}) == '{"é":[1,null,"\\u0000"]}'.encode()


@pytest.mark.parametrize(
    "value", [object, {(1, 2): 3}, float("nan"), float("inf"), "\ud800", b"bytes", ENDLESS], ids=ascii
)
def test_what_has_no_json_form_is_a_value_error(value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - no more is promised
        codec.dump(value)


def test_nesting_too_deep_to_write_is_a_value_error() -> None:
    value: list[object] = []
    for _ in range(100_000):
        value = [value]

    with pytest.raises(ValueError, match="recursion"):
        codec.dump(value)


@pytest.mark.parametrize("text", ["", "{", "NaN", "[Infinity]", "-Infinity", "'a'", b"\xff", "{}{}", "1" * 5000, DEEP])
def test_what_is_no_json_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - no more is promised
        codec.load(text)


@given(POLICIES)
def test_policy_comes_back(policy: Policy) -> None:
    assert codec.load_policy(codec.dump_policy(policy)) == policy


def test_plain_policy_is_nothing() -> None:
    assert codec.dump_policy(Policy()) == "{}"
    assert codec.load_policy("{}") == Policy()


@pytest.mark.parametrize("length", [timedelta(microseconds=1), timedelta(days=400, microseconds=1), timedelta.max])
def test_lengths_are_kept_to_the_microsecond(length: timedelta) -> None:
    policy = Policy(keep=length, timeout=length, expires=length)

    assert codec.load_policy(codec.dump_policy(policy)) == policy


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        "7",
        '"a"',
        '{"attempts":"x"}',
        '{"attempts":null}',
        '{"deaths":[]}',
        '{"attempts":1e400}',
        '{"keep":"1"}',
        '{"keep":null}',
        '{"keep":1e300}',
        '{"timeout":{}}',
        '{"expires":"a"}',
        '{"first":[]}',
        '{"most":"a"}',
        '{"factor":"a"}',
        '{"jitter":{}}',
    ],
)
def test_what_is_no_policy_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - no more is promised
        codec.load_policy(text)


@given(st.builds(Failure, kind=st.sampled_from(FailureKind), type=TEXT, message=TEXT, traceback=TEXT))
def test_failure_comes_back(failure: Failure) -> None:
    assert codec.load_failure(codec.dump_failure(failure)) == failure


def test_surrogates_of_a_failure_become_question_marks() -> None:
    failure = Failure(kind=FailureKind.ERROR, type="E", message="bad \ud800 file", traceback="\udfff")

    read = codec.load_failure(codec.dump_failure(failure))

    assert (read.message, read.traceback) == ("bad ? file", "?")


@pytest.mark.parametrize("text", ["", "[]", "null", "1", "{}", '{"kind":"odd","type":"","message":"","traceback":""}'])
def test_what_is_no_failure_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - no more is promised
        codec.load_failure(text)


@pytest.mark.parametrize(
    "progress", [Progress(current=1), Progress(current=0.5, total=2), Progress(current=3, total=7.5, message="é\x00")]
)
def test_progress_comes_back(progress: Progress) -> None:
    assert codec.load_progress(codec.dump_progress(progress)) == progress


def test_surrogates_of_a_progress_become_question_marks() -> None:
    assert codec.load_progress(codec.dump_progress(Progress(current=1, message="\ud800"))).message == "?"


@pytest.mark.parametrize("text", ["", "null", "1", "{}", "[1,2]", '"abc"', '["a",1,null]', "[1,[],null]", "[1,2,3]"])
def test_what_is_no_progress_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - no more is promised
        codec.load_progress(text)
