from datetime import timedelta

import pytest

from workmill.words.errors import InvalidOption, WorkmillError
from workmill.words.retry import Retry
from workmill.words.signals import Cancel, Snooze


@pytest.mark.parametrize("after", [90, 90.0, timedelta(seconds=90)])
def test_snooze_reads_its_delay(after: timedelta | float) -> None:
    assert Snooze(after).after == timedelta(seconds=90)


@pytest.mark.parametrize("after", [-1, timedelta(microseconds=-1), float("nan"), float("inf"), "soon"])
def test_snooze_refuses_what_is_no_delay(after: object) -> None:
    with pytest.raises(InvalidOption) as refused:
        Snooze(after)  # type: ignore[arg-type] - wrong on purpose

    assert refused.value.option == "after"


def test_cancel_keeps_its_reason() -> None:
    assert Cancel("enough").reason == "enough"
    assert Cancel().reason is None


@pytest.mark.parametrize("signal", [Retry, Snooze, Cancel])
def test_signals_are_no_errors_of_the_library(signal: type[Exception]) -> None:
    assert not issubclass(signal, WorkmillError)
