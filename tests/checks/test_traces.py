import pytest

from checks.traces import traces_in

# Put together here, because this file is looked through like any other.
SCHEME = "https" + "://"
HOME = "/" + "home"


@pytest.mark.parametrize(
    "line",
    [
        f"index-url = {SCHEME}pypi.org/simple",
        f"see {SCHEME}files.pythonhosted.org/packages/x",
        f"{SCHEME}registry.npmjs.org/stockfish",
        f"deb {SCHEME}deb.debian.org/debian bookworm main",
        f'path = "{HOME}/somebody/thing"',
        f"cd {HOME}/somebody",
    ],
)
def test_trace_is_found_with_its_line(line: str) -> None:
    [found] = traces_in(f"first\n{line}\n")

    assert found.startswith("2: ")


@pytest.mark.parametrize(
    "line", ["the root/of it", "jobs/home/done", f"{SCHEME}stockfishchess.org", f"{SCHEME}example.org/home/x"]
)
def test_what_only_looks_like_a_trace_is_none(line: str) -> None:
    assert list(traces_in(line)) == []
