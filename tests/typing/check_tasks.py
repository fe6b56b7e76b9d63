"""What a type checker must understand of tasks. Read by mypy in `./run check`; nothing here runs."""

import asyncio
import sqlite3
from datetime import timedelta
from typing import assert_type

from workmill import App, JobHandle, Limit, NewJob, Rate, Retry, Unique, UniqueConflict, current_job

app = App("memory://")


@app.task
def resize(path: str, width: int = 800) -> str:
    return path * width


@app.task(queue="images", retry=Retry(3))
def count(paths: list[str]) -> int:
    return len(paths)


@app.task
async def fetch(url: str) -> bytes:
    return url.encode()


@app.task(timeout=3)
async def ping() -> None: ...


@app.task(unique=Unique(by=()), limit=[Limit(1, key="{a}")], rate=Rate(10, per=60), expires=timedelta(hours=1))
def once(a: int) -> int:
    return a


def rules_leave_the_types_as_they_are() -> None:
    assert_type(once(1), int)
    assert_type(once.using(after=[resize.enqueue("a"), "id"], needs="end", wait=3).enqueue(1), JobHandle[int])
    assert_type(once.enqueue_json(b"{}"), JobHandle[int])
    once.using(unique=Unique("a"), limit=3)  # type: ignore[call-arg] # must be an error: a limit is not of one call
    assert_type(UniqueConflict("id", "once", "running").job_id, str)


def a_plain_call_returns_what_the_function_does() -> None:
    assert_type(resize("a.png", width=3), str)
    assert_type(count(["a"]), int)


def an_async_task_is_called_like_the_coroutine_function_it_is() -> None:
    started: asyncio.Task[bytes] = asyncio.Task(fetch("x"))
    assert_type(asyncio.run(ping()), None)
    assert_type(started.result(), bytes)


def a_handle_knows_the_type_of_the_result() -> None:
    assert_type(resize.enqueue("a.png"), JobHandle[str])
    assert_type(resize.enqueue("a.png").result(timeout=1), str)
    assert_type(count.using(delay=timedelta(seconds=1)).enqueue(paths=[]), JobHandle[int])
    assert_type(fetch.enqueue("x").result(), bytes)


async def the_twins_have_the_same_types() -> None:
    assert_type(await fetch.aenqueue("x"), JobHandle[bytes])
    assert_type(await (await resize.aenqueue("a.png", 3)).aresult(), str)
    assert_type(await (await ping.aenqueue()).arefresh(), JobHandle[None])


def wrong_arguments_are_found_wherever_they_are_given() -> None:
    resize(3)  # type: ignore[arg-type] # must be an error
    resize.enqueue("a.png", height=3)  # type: ignore[call-arg] # must be an error
    count.job(["a"], "b")  # type: ignore[call-arg] # must be an error
    fetch.using(key="x").enqueue()  # type: ignore[call-arg] # must be an error
    resize.using(path="x")  # type: ignore[call-arg] # options are no arguments


def jobs_are_made_without_being_stored() -> None:
    assert_type(resize.job("a.png"), NewJob)
    assert_type(count.job_from_json(b"{}"), NewJob)


def a_connection_changes_no_type(connection: sqlite3.Connection) -> None:
    assert_type(count.using(connection=connection).enqueue(["a"]), JobHandle[int])
    resize.using(connection=connection).enqueue(3)  # type: ignore[arg-type] # must be an error
    app.enqueue_many([resize.job("a.png")], connection=connection)
    app.enqueue_many([resize.job("a.png")], connection)  # type: ignore[call-arg] # options are given by name


async def an_awaited_connection_does_neither(connection: object) -> None:
    assert_type(await count.using(connection=connection).aenqueue(["a"]), JobHandle[int])
    await app.aenqueue_many([resize.job("a.png")], connection=connection)


def a_task_finishes_in_a_transaction_and_errors_inside_are_never_swallowed(connection: sqlite3.Connection) -> int:
    with current_job.finish_in(connection) as finish:
        finish.result = 3
        return 3  # Were an error swallowed, a type checker would miss a return below.


async def so_does_one_that_is_awaited(connection: object) -> str:
    async with current_job.finish_in(connection) as finish:
        finish.result = "x"
        return "x"
