"""One server that goes down in each way; `./run proof loss` lets it go down more often."""

from pathlib import Path

import pytest

from proof.losing.outage import killed, powerless
from proof.losing.syncing import Call, calls_in, can_watch, forget_unsynced, longest_delay
from tests.servers.redis import chosen_program

NOTES = """\
7 100.000000 write(9, ""..., 30) = 30 <0.001000>
7 100.002000 write(8, ""..., 5) = 5 <0.001000>
8 100.500000 fdatasync(9 <unfinished ...>
7 100.600000 write(9, ""..., 20) = 20 <0.001000>
8 100.700000 <... fdatasync resumed>) = 0 <0.200000>
7 100.800000 write(9, ""..., 10 <unfinished ...>
8 100.801000 fdatasync(9 <unfinished ...>
7 100.802000 <... write resumed>) = 10 <0.002000>
8 100.900000 +++ killed by SIGKILL +++
7 100.900000 +++ killed by SIGKILL +++
"""


def test_calls_are_read_also_where_one_breaks_up_another() -> None:
    calls = list(calls_in(NOTES))

    assert [(call.name, call.file, call.answer) for call in calls] == [
        ("write", "9", 30),
        ("write", "8", 5),
        ("write", "9", 20),
        ("fdatasync", "9", 0),
        ("write", "9", 10),
    ]
    assert calls[3] == Call(name="fdatasync", file="9", begun=100.5, ended=100.7, answer=0)
    assert longest_delay(calls) == pytest.approx(0.7)


def test_what_was_written_since_the_last_sync_began_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / "appendonly.aof").write_bytes(b"before" + b"x" * 60)

    forget_unsynced(list(calls_in(NOTES)), tmp_path)

    assert (tmp_path / "appendonly.aof").read_bytes() == b"before" + b"x" * 30


@pytest.mark.slow
async def test_server_that_syncs_always_loses_nothing_when_it_is_killed() -> None:
    found = await killed(chosen_program(), "always", seconds=1, clients=8)

    assert found.accepted > 100
    assert (found.lost, found.is_told) == (0, False)


@pytest.mark.slow
async def test_server_that_syncs_once_a_second_loses_what_is_younger_and_the_store_says_so() -> None:
    if not can_watch():
        pytest.skip("strace is not there, or may not watch")

    found = await powerless(chosen_program(), "everysec", seconds=1.5, clients=8)

    assert 0 < found.lost < found.accepted
    assert found.is_told
    assert found.seconds < 2.5
