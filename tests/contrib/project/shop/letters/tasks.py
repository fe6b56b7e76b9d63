"""Tasks of Django's own API."""

from typing import Any

from django_tasks import task


@task
def twice(number: int) -> tuple[int, int]:
    return number, number


@task(takes_context=True)
async def times(context: Any, number: int, by: int = 3) -> list[int]:
    return [context.attempt, number * by]


@task
def fail() -> None:
    raise ValueError("no letter")
