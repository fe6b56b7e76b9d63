"""The chess example where a server has its jobs, only its URL is another: a burst, and the server crashes in it."""

import json
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.acceptance.client import Client
from tests.acceptance.servers import free_port, running, web_server
from tests.acceptance.test_chess_burst import CONCURRENCY, DEADLINE, burst, nothing_is_final_twice, positions, records
from tests.servers.postgres import PostgresServer, chosen_binaries, postgres_server
from tests.servers.redis import RedisServer, chosen_program, redis_server
from workmill import App, Ending, JobState

POSITIONS = 150
KILLED_AFTER = 30


@pytest.fixture
def postgresql() -> Iterator[PostgresServer]:
    with postgres_server(chosen_binaries()) as server:
        yield server


@pytest.fixture
def redis_that_syncs() -> Iterator[RedisServer]:
    with redis_server(chosen_program(), settings={"appendfsync": "always"}) as server:
        yield server


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.parametrize("kind", ["postgresql", "redis_that_syncs"])
def test_burst_is_done_once_although_the_database_server_crashes_in_the_middle(
    kind: str, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue(kind)
    url, port = server.url(), free_port()
    work = ["-m", "workmill", "worker", "examples.chess.tasks:app", f"--concurrency={CONCURRENCY}"]
    with App(url) as app, web_server(url, port), running(url, work):
        _, ids = burst(port, positions(POSITIONS))
        app.job(sorted(ids)[KILLED_AFTER]).refresh(DEADLINE)
        before = records(app, ids)
        server.kill()
        server.start()
        after = [app.job(each).refresh(DEADLINE).record for each in ids]
        endings = Counter(attempt.ending for each in ids for attempt in app.job(each).attempts())
        with Client(port) as client:
            answers = [json.loads(client.ask("GET", f"/analysis?id={each}")[1]) for each in ids]

    assert {JobState.SUCCEEDED, JobState.QUEUED} <= {job.state for job in before}
    assert {job.state for job in after} == {JobState.SUCCEEDED}
    assert {answer["status"] for answer in answers} == {"done"}
    assert endings[Ending.SUCCEEDED] == POSITIONS
    nothing_is_final_twice(before, after)
