import pytest

from workmill.words.job import FINAL_STATES, JobState


@pytest.mark.parametrize("state", JobState)
def test_three_states_are_final(state: JobState) -> None:
    assert state.is_final == (state in {"succeeded", "failed", "cancelled"})
    assert state.is_final == (state in FINAL_STATES)


def test_states_are_the_eight_of_the_glossary() -> None:
    assert [str(state) for state in JobState] == [
        "scheduled",
        "waiting",
        "queued",
        "running",
        "retrying",
        "succeeded",
        "failed",
        "cancelled",
    ]
