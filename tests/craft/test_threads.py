"""Threads for plain functions: how many there are, what they hand back, and how they end."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from typing import Any

import pytest

from workmill.craft.threads import Threads

LONGEST_SECONDS = 10.0
word: ContextVar[str] = ContextVar("word")


@pytest.fixture
async def threads() -> AsyncIterator[Threads]:
    threads = Threads(3)
    yield threads
    threads.close()


def waiting_for(gate: threading.Event) -> Callable[[], str]:
    def wait() -> str:
        gate.wait(LONGEST_SECONDS)
        return threading.current_thread().name

    return wait


async def all_of(*futures: asyncio.Future[Any]) -> list[Any]:
    async with asyncio.timeout(LONGEST_SECONDS):
        return await asyncio.gather(*futures)


async def test_calls_one_after_another_share_a_thread(threads: Threads) -> None:
    names = [(await all_of(threads.call(lambda: threading.current_thread().name)))[0] for _ in range(5)]

    assert set(names) == {"workmill-task-0"}


async def test_calls_at_the_same_time_have_a_thread_each_up_to_the_most(threads: Threads) -> None:
    begun = threading.Barrier(3)
    gate = threading.Event()

    def meet() -> str:
        begun.wait(LONGEST_SECONDS)
        return waiting_for(gate)()

    calls = [threads.call(meet) for _ in range(3)]
    queued = threads.call(lambda: "at last")
    gate.set()

    assert len(set(await all_of(*calls))) == 3
    assert await all_of(queued) == ["at last"]


async def test_many_ends_are_all_handed_back(threads: Threads) -> None:
    calls = [threads.call(lambda number=number: number) for number in range(2000)]  # type: ignore[misc] # bound now

    assert await all_of(*calls) == list(range(2000))


async def test_a_function_sees_the_context_of_its_caller_and_cannot_change_it(threads: Threads) -> None:
    def change() -> str:
        before = word.get()
        word.set("changed")
        return before

    word.set("mine")

    assert await all_of(threads.call(change), threads.call(change)) == ["mine", "mine"]
    assert word.get() == "mine"


async def test_what_a_function_raises_is_raised_where_it_is_awaited(threads: Threads) -> None:
    with pytest.raises(ZeroDivisionError):
        await threads.call(lambda: 1 // 0)


async def test_an_end_that_nobody_waits_for_any_more_harms_nobody(threads: Threads) -> None:
    gate = threading.Event()
    forgotten = threads.call(waiting_for(gate))
    other = threads.call(lambda: "other")

    forgotten.cancel()
    gate.set()

    assert await all_of(other) == ["other"]
    assert await all_of(threads.call(lambda: "next")) == ["next"]


async def test_closing_lets_the_threads_end_and_begins_nothing_more() -> None:
    threads, met, gate, others = Threads(1), threading.Barrier(2), threading.Event(), list[int]()

    def meet() -> threading.Thread:
        met.wait(LONGEST_SECONDS)
        gate.wait(LONGEST_SECONDS)
        return threading.current_thread()

    running = threads.call(meet)
    queued = threads.call(lambda: others.append(1))
    met.wait(LONGEST_SECONDS)

    threads.close()
    gate.set()
    (thread,) = await all_of(running)
    await asyncio.to_thread(thread.join, LONGEST_SECONDS)

    assert not thread.is_alive()
    assert others == []
    assert not queued.done()


def test_a_function_that_outlives_its_loop_ends_in_peace(capfd: pytest.CaptureFixture[str]) -> None:
    gate, met, calls = threading.Event(), threading.Barrier(2), list[threading.Thread]()

    def outlive() -> None:
        calls.append(threading.current_thread())
        met.wait(LONGEST_SECONDS)
        gate.wait(LONGEST_SECONDS)

    async def begin() -> threading.Thread:
        threads = Threads(1)
        threads.call(outlive)
        met.wait(LONGEST_SECONDS)
        threads.close()
        return calls[0]

    thread = asyncio.run(begin())
    gate.set()
    thread.join(LONGEST_SECONDS)

    assert not thread.is_alive()
    assert capfd.readouterr().err == ""


async def test_where_the_system_has_no_more_threads_those_there_are_take_turns(
    threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    first = threads.call(waiting_for(gate))

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    second = threads.call(lambda: "second")
    gate.set()

    assert (await all_of(first, second))[1] == "second"


async def test_without_any_thread_a_call_is_refused(threads: Threads, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)

    with pytest.raises(RuntimeError, match="can't start new thread"):
        threads.call(lambda: "never")
