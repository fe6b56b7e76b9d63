import pytest

from workmill import InvalidOption
from workmill.words.size import checked_size, shown_size


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        (1, 1),
        (300_000_000, 300_000_000),
        ("1", 1),
        ("64B", 64),
        ("512MB", 512_000_000),
        ("512 mb", 512_000_000),
        (" 1.5GB ", 1_500_000_000),
        ("3kB", 3000),
        ("3KiB", 3072),
        ("2GiB", 2 * 1024**3),
        ("1TiB", 1024**4),
    ],
)
def test_an_amount_of_memory_is_read(written: int | str, amount: int) -> None:
    assert checked_size("memory", written) == amount


@pytest.mark.parametrize("wrong", [0, -1, True, 1.5, None, "", "MB", "12 parsecs", "0", "0.1B", "-5MB", "1e3", "٣MB"])
def test_what_is_no_amount_of_memory_is_refused_with_a_remedy(wrong: object) -> None:
    with pytest.raises(InvalidOption, match=r'option memory=.* is refused: .*"512MB"'):
        checked_size("memory", wrong)  # type: ignore[arg-type] - wrong on purpose


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (61_234_567, "61.2 MB"),
        (512_000_000, "512 MB"),
        (2 * 10**9, "2 GB"),
        (3 * 10**12, "3 TB"),
    ],
)
def test_an_amount_of_memory_is_shown(amount: int, shown: str) -> None:
    assert shown_size(amount) == shown
