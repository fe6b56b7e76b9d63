"""Queues and rules in the caller's hand: pause, purge, limits, bounds and room in them, and why a job waits."""

import asyncio
import threading
from typing import Any

import pytest

from workmill import (
    App,
    CountChanged,
    InvalidOption,
    JobNotFound,
    JobState,
    Limit,
    QueueFull,
    Rate,
    Rule,
    Scope,
    Unique,
    UniqueConflict,
    WhyCode,
    queue_document,
    rule_document,
    why_document,
)

UNUSED_ID = "c313eb0f-4207-4051-b033-ae23d4724cd1"
TWINS = pytest.mark.parametrize("twin", ["blocking", "awaited"])


async def do(twin: str, target: Any, verb: str, *args: Any, **kwargs: Any) -> Any:
    """Call a verb, or await its twin."""
    if twin == "awaited":
        return await getattr(target, f"a{verb}")(*args, **kwargs)
    return await asyncio.to_thread(getattr(target, verb), *args, **kwargs)


@pytest.fixture
def add(app: App) -> Any:
    @app.task
    def add(a: int, b: int = 0) -> int:
        return a + b

    return add


@TWINS
async def test_a_paused_queue_gives_no_job_until_it_is_resumed(app: App, add: Any, twin: str) -> None:
    queue = app.queue("default")
    job = add.enqueue(1)

    await do(twin, queue, "pause", by="anna")
    await do(twin, queue, "pause", by="bert")
    assert await app.adrain() == 0
    info = await do(twin, queue, "info")
    assert (info.pause.by, info.counts) == ("anna", {JobState.QUEUED: 1})

    await do(twin, queue, "resume")
    await do(twin, queue, "resume")
    assert await app.adrain() == 1
    assert job.refresh().done
    assert (await do(twin, queue, "info")).pause is None


@TWINS
async def test_a_purge_cancels_what_has_not_begun(app: App, add: Any, twin: str) -> None:
    queued, later, other = add.enqueue(1), add.using(delay=60).enqueue(2), add.using(queue="other").enqueue(3)
    done = add.using(queue="other").enqueue(4)
    app.drain(queues=["other"])
    queue = app.queue("default")

    with pytest.raises(CountChanged) as raised:
        await do(twin, queue, "purge", expected=3)
    assert (raised.value.expected, raised.value.found) == (3, 2)
    assert not queued.refresh().done

    assert await do(twin, queue, "purge", expected=2) == 2
    assert [job.refresh().state for job in (queued, later)] == [JobState.CANCELLED] * 2
    assert queued.record.cancel_reason == "queue default was purged"
    assert [job.refresh().state for job in (other, done)] == [JobState.SUCCEEDED] * 2
    assert await do(twin, queue, "purge") == 0


@TWINS
async def test_a_queue_is_limited_by_hand_and_no_longer(app: App, add: Any, twin: str) -> None:
    queue = app.queue("default")
    job = add.enqueue(1)

    await do(twin, queue, "limit", running=0, rate=Rate(5, per=60), waiting=10)
    assert await app.adrain() == 0
    rule = Rule(scope=Scope.QUEUE, name="default", running=0, rate=Rate(5, per=60), waiting=10)
    assert [(state.rule, state.declared) for state in await do(twin, app, "limits")] == [(rule, None)]
    assert (await do(twin, queue, "info")).rule.rule == rule

    await do(twin, queue, "reset_limit")
    await do(twin, queue, "reset_limit")
    assert await do(twin, app, "limits") == []
    assert await app.adrain() == 1
    assert job.refresh().done


@TWINS
async def test_a_limit_of_code_is_set_by_hand_and_given_back(app: App, twin: str) -> None:
    task = app.task(name="mail", limit=1)(lambda: None)
    task.enqueue()
    await app.adrain()
    declared = Rule(scope=Scope.TASK, name="mail", running=1)
    assert [(state.rule, state.declared) for state in app.limits()] == [(declared, declared)]

    task.enqueue()
    await do(twin, app, "limit", "task", "mail", running=0)
    assert await app.adrain() == 0
    by_hand = Rule(scope=Scope.TASK, name="mail", running=0)
    assert [(state.rule, state.declared) for state in app.limits()] == [(by_hand, declared)]

    await do(twin, app, "reset_limit", Scope.TASK, "mail")
    assert await app.adrain() == 1


async def test_a_limit_that_code_says_no_longer_does_not_hold(app: App) -> None:
    app.task(name="mail", limit=0)(lambda: None)
    await app.adrain()
    del app._registry.tasks["mail"]  # noqa: SLF001 - what a new version of the code does

    app.task(name="mail")(lambda: None).enqueue()
    assert await app.adrain() == 1


@pytest.mark.parametrize(
    ("call", "option"),
    [
        (lambda app: app.queue("no name"), "queue"),
        (lambda app: app.queue("a").pause(by=""), "by"),
        (lambda app: app.queue("a").pause(by="\0"), "by"),
        (lambda app: app.queue("a").limit(running=-1), "running"),
        (lambda app: app.queue("a").limit(rate=5), "rate"),
        (lambda app: app.queue("a").limit(waiting=True), "waiting"),
        (lambda app: app.queue("a").purge(expected=-1), "expected"),
        (lambda app: app.limit("tenant", "a", running=1), "scope"),
        (lambda app: app.limit("task", "no name", running=1), "name"),
        (lambda app: app.limit("task", "a", running=1.5), "running"),
        (lambda app: app.reset_limit("key", ""), "name"),
    ],
)
def test_what_cannot_be_is_refused(app: App, call: Any, option: str) -> None:
    with pytest.raises(InvalidOption) as raised:
        call(app)

    assert raised.value.option == option


@TWINS
async def test_queues_are_those_that_anybody_speaks_of(app: App, add: Any, twin: str) -> None:
    add.using(queue="holds").enqueue(1)
    app.queue("paused").pause()
    app.queue("limited").limit(running=1)
    async with app.working(queues=["taken"], name="anna"):
        queues = await do(twin, app, "queues")

    assert [queue.name for queue in queues] == ["default", "holds", "limited", "paused", "taken"]
    assert [[worker.name for worker in queue.workers] for queue in queues] == [[], [], [], [], ["anna"]]
    assert [queue.unbegun for queue in queues] == [0, 1, 0, 0, 0]


@TWINS
async def test_one_at_a_time_refuses_the_rest_with_the_id(app: App, twin: str) -> None:
    task = app.task(name="start", unique=Unique(by=()))(lambda: None)
    first = task.enqueue()

    with pytest.raises(UniqueConflict) as raised:
        await do(twin, task, "enqueue")
    assert (raised.value.job_id, raised.value.state) == (first.id, "queued")
    await app.adrain()
    assert (await do(twin, task, "enqueue")).created


@TWINS
@pytest.mark.parametrize("on_conflict", ["return", "skip"])
async def test_one_call_is_answered_with_the_job_there_is(app: App, twin: str, on_conflict: str) -> None:
    task = app.task(name="start", unique=Unique(by=(), on_conflict=on_conflict))(lambda: None)
    first = task.enqueue()

    again = await do(twin, task, "enqueue")
    assert (again.id, again.created) == (first.id, False)
    assert [job.id for job in await do(twin, app, "enqueue_many", [task.job()])] == (
        [first.id] if on_conflict == "return" else []
    )


async def test_a_job_takes_the_place_of_another(app: App) -> None:
    task = app.task(name="save", unique=Unique(by=(), on_conflict="replace"))(lambda: None)
    first = task.enqueue()

    second = task.enqueue()
    assert first.refresh().state is JobState.CANCELLED
    assert second.created


@TWINS
async def test_a_retry_by_hand_heeds_the_rules_of_its_task(app: App, twin: str) -> None:
    task = app.task(name="start", unique=Unique(by=()), limit=Limit(1, key="{a}"))(_returned)
    first = task.enqueue(1)
    await app.adrain()

    again = await do(twin, first, "retry", arguments={"a": 2})
    assert [(gate.name, gate.key) for gate in again.record.ties.gates] == [("start.a", "2")]
    with pytest.raises(UniqueConflict) as raised:
        await do(twin, first, "retry")
    assert raised.value.job_id == again.id


def _returned(a: int) -> int:
    return a


@TWINS
async def test_a_full_queue_takes_no_more(app: App, add: Any, twin: str) -> None:
    app.queue("default").limit(waiting=1)
    add.enqueue(1)

    with pytest.raises(QueueFull) as raised:
        await do(twin, add, "enqueue", 2)
    assert (raised.value.queue, raised.value.waiting) == ("default", 1)
    with pytest.raises(QueueFull):
        await do(twin, add.using(wait=0.01), "enqueue", 2)
    with pytest.raises(QueueFull):
        await do(twin, app, "enqueue_many", [add.job(2)], wait=0)


@TWINS
async def test_whoever_waits_for_room_gets_it(app: App, add: Any, twin: str) -> None:
    app.queue("default").limit(waiting=1)
    first = add.enqueue(1)
    entered = threading.Event()

    waiting = asyncio.create_task(_noted(do(twin, add.using(wait=30), "enqueue", 2), entered))
    many = asyncio.create_task(do(twin, app, "enqueue_many", [add.using(queue="other").job(3)], wait=30))
    assert (await many)[0].created
    await asyncio.to_thread(entered.wait, 10)
    first.cancel()
    async with asyncio.timeout(10):
        assert (await waiting).created


async def _noted(call: Any, entered: threading.Event) -> Any:
    entered.set()
    return await call


@TWINS
async def test_a_job_says_why_it_does_not_run(app: App, add: Any, twin: str) -> None:
    job = add.enqueue(1)
    assert (await do(twin, job, "why")).code is WhyCode.NO_WORKER_FOR_QUEUE

    app.queue("default").pause(by="anna")
    answer = await do(twin, app, "why", job.id)
    assert answer.code is WhyCode.PAUSED
    assert "by anna" in answer.sentence
    assert why_document(answer) == {"code": "paused", "sentence": answer.sentence, "details": answer.details}
    with pytest.raises(JobNotFound):
        await do(twin, app, "why", UNUSED_ID)


def test_queues_and_rules_are_shown_as_documents(app: App, add: Any) -> None:
    add.enqueue(1)
    queue = app.queue("default")
    queue.pause(by="anna")
    queue.limit(running=2, rate=Rate(3, per=1.5))

    shown = queue_document(queue.info())
    assert (shown["name"], shown["counts"], shown["unbegun"]) == ("default", {"queued": 1}, 1)
    assert (shown["paused"], shown["paused_by"], shown["workers"]) == (True, "anna", [])
    assert shown["limit"] == rule_document(app.limits()[0])
    assert shown["limit"] == {
        "scope": "queue",
        "name": "default",
        "running": 2,
        "rate": {"count": 3, "per_seconds": 1.5},
        "waiting": None,
        "declared": None,
        "jobs_running": 0,
    }
    assert repr(queue) == "<QueueHandle default>"


def test_arguments_as_json_are_enqueued_too(add: Any) -> None:
    assert add.enqueue_json(b'{"a": 1}').record.args == b'{"a":1}'


async def test_arguments_as_json_are_enqueued_awaited(add: Any) -> None:
    assert (await add.aenqueue_json(b'{"a": 1}')).record.args == b'{"a":1}'
