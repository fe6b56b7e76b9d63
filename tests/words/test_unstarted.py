from workmill.words import unstarted
from workmill.words.outcome import FailureKind


def test_failure_names_the_job_that_was_followed() -> None:
    failure = unstarted.parent_failed("abc")

    assert (failure.kind, failure.type) == (FailureKind.DEPENDENCY, "ParentFailed")
    assert "job abc" in failure.message


def test_reasons_name_what_decided() -> None:
    assert "job abc" in unstarted.parent_cancelled("abc")
    assert "job abc" in unstarted.replaced_by("abc")
    assert "job abc" in unstarted.overlapped_by("abc")
    assert "schedule nightly" in unstarted.schedule_stopped("nightly")
    assert "failed" in unstarted.not_needed()
