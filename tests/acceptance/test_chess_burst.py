"""The chess example under a burst, with real processes: all is accepted at once, and done once, crash or no crash."""

import json
import random
import statistics
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import Popen

import chess
import pytest

from tests.acceptance.client import Client
from tests.acceptance.processes import descendants
from tests.acceptance.servers import free_port, kill_tree, running, web_server
from workmill import App, Ending, Job, JobState

POSITIONS = 300
CLIENTS = 10
CONCURRENCY = 2
KILLED_AFTER = 60
LEASE_SECONDS = 3.0
DEADLINE = 60.0
MOST_P95_SECONDS = 0.050
MOST_TIMES_TRIVIAL = 10  # where others use the machine, too: a post waits for the disk, the trivial route does not
TRIVIAL = "/pieces/wK.svg"
FOREVER = {"fen": chess.STARTING_FEN, "depth_limit": 60, "time_limit": 60}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'chess.db'}"


@pytest.mark.slow
@pytest.mark.alone
def test_burst_is_accepted_at_once_and_done_once_although_the_worker_tree_is_killed_in_the_middle(url: str) -> None:
    port, app = free_port(), App(url)
    with web_server(url, port) as server:
        with worker(url) as first:
            busy = [start_endless(app, port) for _ in range(CONCURRENCY)]
            trivial, _ = burst(port, [TRIVIAL] * POSITIONS)
            accepting, ids = burst(port, positions(POSITIONS))
            assert [app.job(each).state for each in busy] == [JobState.RUNNING] * CONCURRENCY
            assert not descendants(server.pid), "the web server runs an engine"
            for each in busy:
                app.job(each).cancel()
            app.job(sorted(ids)[KILLED_AFTER]).refresh(DEADLINE)
            kill_tree(first)
        killed_at = datetime.now(UTC)
        before = records(app, ids)
        with worker(url):
            after = [app.job(each).refresh(DEADLINE).record for each in ids]
        with Client(port) as client:
            answers = [json.loads(client.ask("GET", f"/analysis?id={each}")[1]) for each in ids]

    # Shown by `-rP`.
    sys.stdout.write(f"95 of 100 posts within {accepting * 1000:.1f} ms, trivial ones {trivial * 1000:.1f} ms\n")
    assert len(set(ids)) == POSITIONS
    assert accepting < max(MOST_P95_SECONDS, MOST_TIMES_TRIVIAL * trivial)
    assert {answer["status"] for answer in answers} == {"done"}
    was_in_the_middle(before)
    nothing_is_final_twice(before, after)
    each_was_analysed_once(app, before, after)
    interrupted_went_on_within_the_lease(after, killed_at)
    app.close()


def worker(url: str) -> AbstractContextManager[Popen[bytes]]:
    options = [f"--concurrency={CONCURRENCY}", f"--lease={LEASE_SECONDS:g}"]
    return running(url, ["-m", "workmill", "worker", "examples.chess.tasks:app", *options])


def start_endless(app: App, port: int) -> str:
    """Have the worker analyse what takes longer than the test, and wait until it does."""
    with Client(port) as client:
        job = app.job(client.post(FOREVER))
    while job.record.progress is None:
        before = job.record.version
        assert job.refresh(DEADLINE, since=before).record.version > before, "the worker does not work"
    return job.id


def burst(port: int, what: list[str]) -> tuple[float, list[str]]:
    """Ask for all of it, by several clients at once: the 95th percentile of how long an answer took, and the ids."""

    def work(number: int) -> tuple[list[float], list[str]]:
        with Client(port) as client:
            answers = [ask(client, each) for each in what[number::CLIENTS]]
            return client.seconds, answers

    with ThreadPoolExecutor(CLIENTS) as pool:
        done = list(pool.map(work, range(CLIENTS)))
    seconds = [each for part, _ in done for each in part]
    return statistics.quantiles(seconds, n=20)[-1], [answer for _, part in done for answer in part]


def ask(client: Client, what: str) -> str:
    if what == TRIVIAL:
        return str(client.ask("GET", what)[0])
    return client.post({"fen": what, "depth_limit": 6, "time_limit": 2.0})


def positions(count: int) -> list[str]:
    """Return distinct legal positions from games of random moves, the same ones every time."""
    chance, found = random.Random(1), dict[str, None]()
    while len(found) < count:
        board = chess.Board()
        for _ in range(chance.randrange(4, 40)):
            if not board.is_game_over():
                board.push(chance.choice(list(board.legal_moves)))
        found[board.fen(en_passant="fen")] = None
    return list(found)


def records(app: App, ids: list[str]) -> list[Job]:
    return [app.job(each).record for each in ids]


def was_in_the_middle(before: list[Job]) -> None:
    states = [job.state for job in before]
    assert JobState.SUCCEEDED in states
    assert JobState.QUEUED in states


def nothing_is_final_twice(before: list[Job], after: list[Job]) -> None:
    for early, late in zip(before, after, strict=True):
        if early.state.is_final:
            assert late == early


def each_was_analysed_once(app: App, before: list[Job], after: list[Job]) -> None:
    running_when_killed = {job.id for job in before if job.state == JobState.RUNNING}
    assert len(running_when_killed) <= CONCURRENCY
    for job in after:
        endings = [attempt.ending for attempt in app.job(job.id).attempts()]
        expected = [Ending.INTERRUPTED, Ending.SUCCEEDED] if job.id in running_when_killed else [Ending.SUCCEEDED]
        assert endings == expected


def interrupted_went_on_within_the_lease(after: list[Job], killed_at: datetime) -> None:
    # The lease, and what it takes to start a worker, to look for the dead and to claim, on a machine that is busy.
    bound = killed_at + timedelta(seconds=LEASE_SECONDS + 10)
    for job in after:
        if job.deaths:
            assert job.started_at is not None
            assert job.started_at < bound
