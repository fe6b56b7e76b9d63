"""The producer-consumer example as a stranger uses it: its own programs, over HTTP, and what a crash does to it."""

import http.client
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from examples.producer_consumer.__main__ import CONSUMERS, consumer, programs
from examples.producer_consumer.saying import Line, Part
from examples.producer_consumer.tasks import BOUND, QUEUE, consume
from tests.acceptance.hearing import Ear, hearing
from tests.acceptance.processes import await_end, descendants
from tests.acceptance.servers import HOST, await_listening, free_port, running
from workmill import App, JobState

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="it starts trees of processes")]

CLIENTS = 10
REPEATS = 5
PRODUCERS = ("anna", "ben", "cleo")
SUBSCRIBERS = ("finn", "gina", "hugo")
DEADLINE_SECONDS = 60.0
HAS_PUT = "has put"
HAS_CONSUMED = "has consumed"


class Web:
    """A client of the web half."""

    def __init__(self, port: int) -> None:
        self._port = port

    def get(self, path: str, headers: Mapping[str, str] | None = None, *, method: str = "GET") -> tuple[int, str]:
        connection = http.client.HTTPConnection(HOST, self._port, timeout=DEADLINE_SECONDS)
        try:
            connection.request(method, path, headers=dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.getheader("Location") or answer.read().decode()
        finally:
            connection.close()

    def insist(self, path: str) -> None:
        """Ask again while the queue is full."""
        while (answer := self.get(path))[0] == 503:
            assert "The queue is full" in answer[1]
        assert answer == (303, "/")


@contextmanager
def web_server(url: str) -> Iterator[Web]:
    port = free_port()
    words = ["-m", "waitress", f"--listen={HOST}:{port}", "--call", "examples.producer_consumer.web:create_app"]
    with running(url, words) as process:
        await_listening(port, process)
        yield Web(port)


@contextmanager
def listener(url: str) -> Iterator[tuple[App, Ear]]:
    with App(url) as app, hearing(app) as ear:
        yield app, ear


@pytest.mark.timeout(240)
def test_each_element_is_consumed_once_and_each_publication_heard_by_every_subscriber(url: str) -> None:
    port = free_port()
    words = ["-m", "examples.producer_consumer", f"--port={port}", "--seconds=0.05"]

    with listener(url) as (app, ear), running(url, words) as example:
        await_listening(port, example)
        ear.until(lambda: {line.who for line in ear.said(Part.SUBSCRIBER, "listens")} == set(SUBSCRIBERS))
        web = Web(port)

        def repeat(path: str) -> None:
            for _ in range(REPEATS):
                web.insist(path)

        with ThreadPoolExecutor(2 * CLIENTS) as pool:
            list(pool.map(repeat, ["/prodcons", "/pubsub"] * CLIENTS))
        total = CLIENTS * REPEATS
        put = {line.about for line in page_lines(ear, HAS_PUT, total)}
        published = {line.about for line in page_lines(ear, "has published", total)}
        ear.until(lambda: put <= {line.about for line in ear.said(Part.CONSUMER, HAS_CONSUMED)})
        ear.until(lambda: len(ear.said(Part.SUBSCRIBER, "has heard")) == total * len(SUBSCRIBERS))

        consumed = Counter(line.about for line in ear.said(Part.CONSUMER, HAS_CONSUMED))
        assert set(consumed.values()) == {1}
        heard = Counter((line.who, line.about) for line in ear.said(Part.SUBSCRIBER, "has heard"))
        assert heard == Counter((who, each) for who in SUBSCRIBERS for each in published)
        records = [app.job(str(each)).refresh(DEADLINE_SECONDS).record for each in put]
        assert {(record.state, record.attempt) for record in records} == {(JobState.SUCCEEDED, 1)}

        everybody = {example.pid, *descendants(example.pid)}
        os.kill(example.pid, signal.SIGINT)
        assert not await_end(everybody, DEADLINE_SECONDS)


@pytest.mark.timeout(240)
def test_producers_wait_while_the_queue_is_full_and_consumers_while_it_is_empty(url: str) -> None:
    with listener(url) as (app, ear), web_server(url) as web:
        with running(url, [*programs()["producers"], "--seconds=0.1"]):
            ear.until(lambda: {line.who for line in ear.said(Part.PRODUCER, "waits")} == set(PRODUCERS))
            assert app.queue(QUEUE).info().unbegun == BOUND
            status, said = web.get("/prodcons")
            assert (status, "The queue is full: 10 elements wait" in said) == (503, True)
            assert app.queue(QUEUE).info().unbegun == BOUND
            assert "No consumer lives" in web.get("/")[1]
            assert web.get("/pubsub") == (303, "/")

            with running(url, consumer("dora")):
                # Three that waited, and what each of them had left of its five.
                ear.until(lambda: len(ear.said(Part.PRODUCER, HAS_PUT, *PRODUCERS)) >= 15)

        with running(url, consumer("dora")), running(url, consumer("emil")):
            web.insist("/prodcons")
            put = {line.about for line in ear.said(Part.PRODUCER, HAS_PUT)}
            ear.until(lambda: put <= {line.about for line in ear.said(Part.CONSUMER, HAS_CONSUMED)})
            [last] = page_lines(ear, HAS_PUT, 1)
            ear.until(lambda: last.about in {line.about for line in ear.said(Part.CONSUMER, HAS_CONSUMED)})

            while "The queue is empty: consumers wait." not in (live := web.get("/live")[1]):
                assert "consumers at work" in live  # the last one is settled just after it was consumed
            web.insist("/prodcons")
            newest = page_lines(ear, HAS_PUT, 2)[-1]
            ear.until(lambda: newest.about in {line.about for line in ear.said(Part.CONSUMER, HAS_CONSUMED)})
            assert len([line for line in ear.said(Part.CONSUMER, "takes") if line.about == newest.about]) == 1


def kill_at_one_blow(pids: set[int]) -> None:
    """Kill processes, frozen first, so that none sees another die."""
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in pids:
            os.kill(pid, number)


@pytest.mark.timeout(240)
def test_kill_of_a_consumer_loses_no_element(redis_url: str) -> None:
    with listener(redis_url) as (app, ear), running(redis_url, consumer("dora")) as dora:
        jobs = app.enqueue_many([consume.job(element, seconds=1.5) for element in range(6)])
        with running(redis_url, consumer("emil")):
            ear.until(lambda: {line.who for line in ear.said(Part.CONSUMER, "takes")} == set(CONSUMERS))
            held = ear.said(Part.CONSUMER, "takes", "dora")[-1].about
            kill_at_one_blow({dora.pid, *descendants(dora.pid)})
            ear.until(lambda: len({line.about for line in ear.said(Part.CONSUMER, HAS_CONSUMED)}) == len(jobs))
            records = [job.refresh(DEADLINE_SECONDS).record for job in jobs]

    assert all(record.state == JobState.SUCCEEDED for record in records)
    [again] = [record for record in records if record.attempt == 2]
    assert (again.id, again.deaths, again.result) == (held, 1, b'"emil"')


def test_nothing_is_put_or_published_that_nobody_has_asked_for(sqlite_url: str) -> None:
    with App(sqlite_url) as app, web_server(sqlite_url) as web:
        for path in ("/prodcons", "/pubsub"):
            for site in ("cross-site", "same-site"):
                assert web.get(path, {"Sec-Fetch-Site": site})[0] == 403
            assert web.get(path, {"Sec-Purpose": "prefetch;prerender"})[0] == 403
            assert web.get(path, method="HEAD")[0] == 405
            assert web.get(path, method="POST")[0] == 405
            assert web.get(path, {"Host": "evil.example"})[0] == 400
        assert not app.jobs(queues=[QUEUE]).jobs

        assert web.get("/prodcons", {"Sec-Fetch-Site": "same-origin"}) == (303, "/")
        assert len(app.jobs(queues=[QUEUE]).jobs) == 1


def page_lines(ear: Ear, what: str, count: int) -> list[Line]:
    ear.until(lambda: len(ear.said(Part.PRODUCER, what, "the page")) >= count)
    found = ear.said(Part.PRODUCER, what, "the page")
    assert len(found) == count
    return found
