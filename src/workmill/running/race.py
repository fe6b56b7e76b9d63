"""Waiting for whichever comes first."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def race(*contestants: Awaitable[object]) -> None:
    """Wait until the first of them ends, then cancel the others and wait for their end.

    Who won is for the caller to see by what it changed. To wait for a task without cancelling it, hand over
    `ended(task)`.

    Raises:
        Exception: What one of those that ended raised.
    """
    tasks = [asyncio.ensure_future(contestant) for contestant in contestants]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


async def ended(task: asyncio.Future[T]) -> None:
    """Wait until a task is over, however it ends, without taking its error or cancelling it."""
    await asyncio.wait([task])
