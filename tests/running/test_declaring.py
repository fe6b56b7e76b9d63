"""What the code says of limits is told to the store before the first job is claimed, and taken back when it is gone."""

import sys
from typing import Any

import pytest

from tests.running.tree import tree
from workmill import App, Limit, Rate, Rule, Scope
from workmill.running.declaring import declare

LIMITED = Rule(scope=Scope.TASK, name="mail", running=2)


@pytest.fixture
def memory() -> Any:
    with App("memory://") as app:
        yield app


async def told(app: App) -> list[tuple[Rule, Rule | None]]:
    return [(state.rule, state.declared) for state in await app.alimits()]


async def declared(app: App) -> None:
    await app._portal.arun(lambda session: declare(app.program, session.store))  # noqa: SLF001 - as a worker does it


async def test_rules_are_declared_however_often(memory: App) -> None:
    memory.task(name="mail", limit=2)(lambda: None)
    memory.task(name="post", limit=Limit(rate=Rate(1, per=1), key="{a}", name="tenants"))(lambda a: a)

    for _ in range(2):
        await declared(memory)
    tenants = Rule(scope=Scope.KEY, name="tenants", rate=Rate(1, per=1))
    assert await told(memory) == [(tenants, tenants), (LIMITED, LIMITED)]


async def test_what_was_set_by_hand_stays_in_force(memory: App) -> None:
    memory.task(name="mail", limit=2)(lambda: None)
    await memory.alimit("task", "mail", running=9)

    await declared(memory)
    by_hand = Rule(scope=Scope.TASK, name="mail", running=9)
    assert await told(memory) == [(by_hand, LIMITED)]


async def test_what_the_code_says_no_longer_is_taken_back_and_nothing_else(memory: App) -> None:
    memory.task(name="mail", limit=2)(lambda: None)
    memory.task(name="other", limit=3)(lambda: None)
    await declared(memory)
    memory._registry.tasks.clear()  # noqa: SLF001 - what a new version of the code begins with

    memory.task(name="mail")(lambda: None)
    for _ in range(2):
        await declared(memory)
    other = Rule(scope=Scope.TASK, name="other", running=3)
    assert await told(memory) == [(other, other)]


async def test_an_embedded_worker_declares_before_it_claims(memory: App) -> None:
    job = memory.task(name="mail", limit=0)(lambda: None).enqueue()

    async with memory.working():
        await memory.alimit("task", "mail", running=1)
        await job.arefresh(wait=20)
    assert job.done
    assert [rule for _, rule in await told(memory)] == [Rule(scope=Scope.TASK, name="mail", running=0)]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="it starts a tree of processes")
def test_every_engine_of_a_tree_declares_before_it_claims(app: App, url: str) -> None:
    job = app.tasks["held"].enqueue()

    with tree(url):
        after = app.tasks["add"].enqueue(1, 2)
        assert after.result(timeout=20) == 3
        why = job.why()
        assert (why.code, why.details["name"], why.details["limit"]) == ("limit_reached", "held", 0)
        app.limit("task", "held", running=1)
        job.result(timeout=20)
