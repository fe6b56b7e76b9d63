"""The way to the store from any thread and any event loop, and its end."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest

from workmill import StoreUnavailable, WorkmillError
from workmill.craft.client import Session
from workmill.stores.memory import MemoryStore, Vault
from workmill.sync import Portal

T = TypeVar("T")
LONGEST_SECONDS = 10.0
FOR_EVER = 1000.0


class Watched(MemoryStore):
    """A store that says how often it was opened and closed, and where."""

    opens: list[threading.Thread]
    closes: list[threading.Thread]
    failures: list[Exception]

    async def open(self) -> None:
        self.opens.append(threading.current_thread())
        await asyncio.sleep(0)
        if self.failures:
            raise self.failures.pop(0)

    async def close(self) -> None:
        self.closes.append(threading.current_thread())


@pytest.fixture
def opens() -> list[threading.Thread]:
    return []


@pytest.fixture
def closes() -> list[threading.Thread]:
    return []


@pytest.fixture
def failures() -> list[Exception]:
    return []


@pytest.fixture
def portal(
    opens: list[threading.Thread], closes: list[threading.Thread], failures: list[Exception]
) -> Iterator[Portal]:
    vault = Vault()

    def open_store() -> Watched:
        store = Watched(vault)
        store.opens, store.closes, store.failures = opens, closes, failures
        return store

    portal = Portal(open_store)
    yield portal
    portal.close()


async def thread(_: Session) -> threading.Thread:
    return threading.current_thread()


def waiting(begun: threading.Event) -> Callable[[Session], Awaitable[None]]:
    async def wait(_: Session) -> None:
        begun.set()
        await asyncio.sleep(FOR_EVER)

    return wait


def test_nothing_is_opened_before_the_first_call(portal: Portal, opens: list[threading.Thread]) -> None:
    assert opens == []
    portal.run(thread)
    assert len(opens) == 1


def test_all_calls_of_all_threads_are_done_in_one_place(portal: Portal, opens: list[threading.Thread]) -> None:
    with ThreadPoolExecutor(16) as pool:
        places = set(pool.map(lambda _: portal.run(thread), range(200)))

    assert len(places) == 1
    assert places.isdisjoint({threading.main_thread()})
    assert opens == list(places)


async def test_any_event_loop_may_await_and_is_not_blocked(portal: Portal, opens: list[threading.Thread]) -> None:
    async def meet(_: Session) -> threading.Thread:
        await both.wait()
        return threading.current_thread()

    async def let_go(_: Session) -> None:
        both.set()

    both = asyncio.Event()
    first = asyncio.create_task(portal.arun(meet))
    await portal.arun(let_go)
    other = await asyncio.to_thread(asyncio.run, portal.arun(thread))

    assert await first == other == opens[0]


def test_a_blocking_call_where_the_store_lives_is_refused_at_once(portal: Portal) -> None:
    async def block(_: Session) -> None:
        portal.run(thread)

    with pytest.raises(WorkmillError, match="await its twin"):
        portal.run(block)


def test_an_awaited_call_where_the_store_lives_is_done_right_there(portal: Portal) -> None:
    async def again(_: Session) -> bool:
        return await portal.arun(thread) is threading.current_thread()

    assert portal.run(again)


def test_what_the_work_raises_is_raised_to_its_caller(portal: Portal) -> None:
    for error in (KeyError("x"), TimeoutError("its own"), StoreUnavailable("gone")):

        async def fail(_: Session, error: Exception = error) -> None:
            raise error

        with pytest.raises(type(error), match=str(error)):
            portal.run(fail)


def test_a_call_that_is_not_answered_in_time_is_given_up_and_cancelled(portal: Portal) -> None:
    ended = threading.Event()

    async def dawdle(_: Session) -> None:
        try:
            await asyncio.sleep(FOR_EVER)
        finally:
            ended.set()

    with pytest.raises(StoreUnavailable, match=r"did not answer within 0.01 s; whether it acted is unknown"):
        portal.run(dawdle, timeout=0.01)
    assert ended.wait(LONGEST_SECONDS)


async def test_a_caller_that_is_cancelled_cancels_its_work(portal: Portal) -> None:
    begun, ended = threading.Event(), threading.Event()

    async def dawdle(_: Session) -> None:
        begun.set()
        try:
            await asyncio.sleep(FOR_EVER)
        finally:
            ended.set()

    caller = asyncio.create_task(portal.arun(dawdle))
    await asyncio.to_thread(begun.wait, LONGEST_SECONDS)
    caller.cancel()

    with pytest.raises(asyncio.CancelledError):
        await caller
    assert await asyncio.to_thread(ended.wait, LONGEST_SECONDS)


def test_a_store_that_cannot_be_opened_is_closed_and_tried_again(
    portal: Portal, opens: list[threading.Thread], closes: list[threading.Thread], failures: list[Exception]
) -> None:
    failures.append(StoreUnavailable("not yet"))

    with pytest.raises(StoreUnavailable, match="not yet"):
        portal.run(thread)
    portal.run(thread)

    assert (len(opens), len(closes)) == (2, 1)


def test_calls_while_the_store_opens_open_it_once(portal: Portal, opens: list[threading.Thread]) -> None:
    async def both() -> None:
        await asyncio.gather(*(portal.arun(thread) for _ in range(10)))

    asyncio.run(both())

    assert len(opens) == 1


def test_closing_closes_the_store_where_it_was_opened_and_ends_the_thread(
    portal: Portal, opens: list[threading.Thread], closes: list[threading.Thread]
) -> None:
    portal.run(thread)

    portal.close()
    portal.close()

    assert closes == opens
    assert not opens[0].is_alive()


def test_a_call_after_closing_begins_anew(portal: Portal, opens: list[threading.Thread]) -> None:
    first = portal.run(thread)
    portal.close()

    assert portal.run(thread) is not first
    assert len(opens) == 2


def test_closing_ends_the_calls_that_wait(portal: Portal) -> None:
    begun = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(portal.run, waiting(begun))
        assert begun.wait(LONGEST_SECONDS)

        portal.close()

        with pytest.raises(StoreUnavailable, match="the application was closed meanwhile"):
            call.result(LONGEST_SECONDS)


async def test_closing_ends_the_awaits_that_wait(portal: Portal) -> None:
    begun = threading.Event()
    call = asyncio.create_task(portal.arun(waiting(begun)))
    await asyncio.to_thread(begun.wait, LONGEST_SECONDS)

    await asyncio.to_thread(portal.close)

    with pytest.raises(StoreUnavailable, match="the application was closed meanwhile"):
        await call


def test_it_cannot_be_closed_by_what_runs_where_the_store_lives(portal: Portal) -> None:
    async def close(_: Session) -> None:
        portal.close()

    with pytest.raises(WorkmillError, match="cannot be closed by code that runs where its store lives"):
        portal.run(close)
    assert portal.run(thread).is_alive()


def test_calls_and_closes_at_the_same_time_end_one_way_or_the_other(portal: Portal) -> None:
    ends_at = time.monotonic() + 0.1

    def call() -> None:
        while time.monotonic() < ends_at:
            try:
                portal.run(thread, timeout=LONGEST_SECONDS)
            except StoreUnavailable as error:
                assert "closed meanwhile" in str(error)  # noqa: PT017 - one of the two ends

    def close() -> None:
        while time.monotonic() < ends_at:
            portal.close()

    with ThreadPoolExecutor(5) as pool:
        ends: list[Any] = [pool.submit(call) for _ in range(4)] + [pool.submit(close)]

    assert [end.result() for end in ends] == [None] * 5
