"""The application: enqueueing, finding, listing, and what holds it together."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from workmill import App, ConfigError, InvalidOption, JobConflict, JobNotFound, JobState, NewJob, StoreUnavailable
from workmill.testing import FakeClock

TWINS = pytest.mark.parametrize("twin", ["blocking", "awaited"])

UNUSED_ID = "c313eb0f-4207-4051-b033-ae23d4724cd1"


async def do(twin: str, app: App, verb: str, *args: Any, **kwargs: Any) -> Any:
    """Call a verb of an application, or await its twin."""
    if twin == "awaited":
        return await getattr(app, f"a{verb}")(*args, **kwargs)
    return await asyncio.to_thread(getattr(app, verb), *args, **kwargs)


@pytest.fixture
def add(app: App) -> Any:
    @app.task
    def add(a: int, b: int = 0) -> int:
        return a + b

    return add


@pytest.fixture(autouse=True)
def _no_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORKMILL_URL", raising=False)


@pytest.mark.parametrize("is_awaited", [True, False])
async def test_what_is_enqueued_is_stored(app: App, add: Any, *, is_awaited: bool) -> None:
    job = await add.aenqueue(1, b=2) if is_awaited else add.enqueue(1, b=2)

    stored = app.job(job.id).record
    assert stored == job.record
    assert (stored.state, stored.args, job.created) == (JobState.QUEUED, b'{"a":1,"b":2}', True)


@TWINS
async def test_many_jobs_are_stored_in_one_go_in_their_order(app: App, add: Any, twin: str) -> None:
    other = app.task(name="other")(lambda: "x")
    jobs = await do(twin, app, "enqueue_many", [add.job(1), other.job(), add.using(delay=5).job(2)])

    assert [(job.record.task, job.state) for job in jobs] == [
        ("add", JobState.QUEUED),
        ("other", JobState.QUEUED),
        ("add", JobState.SCHEDULED),
    ]
    await app.adrain()
    assert [await job.aresult(0) for job in jobs[:2]] == [1, "x"]


@TWINS
async def test_many_jobs_are_stored_all_or_none(app: App, add: Any, twin: str) -> None:
    keyed = add.using(key="k").enqueue(1)

    with pytest.raises(JobConflict) as raised:
        await do(twin, app, "enqueue_many", [add.job(2), add.using(key="k").job(3), add.job(4)])

    assert raised.value.job_id == keyed.id
    assert [job.id for job in app.jobs().jobs] == [keyed.id]
    assert await do(twin, app, "enqueue_many", []) == []


def test_a_key_gives_the_same_job_again(add: Any) -> None:
    first = add.using(key="k").enqueue(1)
    again = add.using(key="k").enqueue(1)

    assert (first.created, again.created) == (True, False)
    assert again.record == first.record


def test_a_job_made_once_is_stored_once_however_often_it_is_sent(app: App, add: Any) -> None:
    job = add.job(1)

    first, again = app.enqueue_many([job])[0], app.enqueue_many([job])[0]

    assert (first.id, again.id, again.created) == (job.id, job.id, False)


@TWINS
@pytest.mark.parametrize("job_id", ["", "x", "../etc", "0" * 31, "0" * 36, "\0", None, 3, UNUSED_ID, "é" * 36])
async def test_an_id_that_names_no_job_is_never_a_job(app: App, twin: str, job_id: Any) -> None:
    with pytest.raises(JobNotFound) as raised:
        await do(twin, app, "job", job_id)
    assert raised.value.job_id == job_id


def test_an_id_is_understood_in_every_spelling_of_a_uuid(app: App, add: Any) -> None:
    job = add.enqueue(1)

    for spelling in (job.id.upper(), job.id.replace("-", ""), f"{{{job.id}}}", f"urn:uuid:{job.id}"):
        assert app.job(spelling).id == job.id


@TWINS
async def test_jobs_are_listed_newest_first_page_by_page(app: App, add: Any, twin: str) -> None:
    ids = [job.id for job in app.enqueue_many([add.job(number) for number in range(5)])]

    first = await do(twin, app, "jobs", limit=3)
    second = await do(twin, app, "jobs", limit=3, cursor=first.next_cursor)

    assert [job.id for job in (*first.jobs, *second.jobs)] == ids[::-1]
    assert second.next_cursor is None


@TWINS
async def test_jobs_are_listed_by_what_is_asked(app: App, add: Any, clock: FakeClock, twin: str) -> None:
    add.using(queue="slow").enqueue(1)
    clock.advance(60)
    cancelled = add.enqueue(2).cancel()

    assert [job.id for job in (await do(twin, app, "jobs", states=["cancelled"])).jobs] == [cancelled.id]
    assert [job.id for job in (await do(twin, app, "jobs", queues=["default"])).jobs] == [cancelled.id]
    assert [job.id for job in (await do(twin, app, "jobs", created_after=clock() - timedelta(1 / 24 / 60))).jobs] == [
        cancelled.id
    ]
    assert (await do(twin, app, "jobs", tasks=["sub"])).jobs == ()
    assert len((await do(twin, app, "jobs", created_before=clock() + timedelta(1))).jobs) == 2


@TWINS
@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"states": ["done"]}, "states"),
        ({"states": "queued"}, "states"),
        ({"tasks": "add"}, "tasks"),
        ({"queues": "default"}, "queues"),
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"limit": "5"}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"created_after": datetime(2030, 1, 1)}, "created_after"),  # noqa: DTZ001 - that is the point
        ({"created_before": "2030-01-01"}, "created_before"),
    ],
)
async def test_a_filter_that_is_none_is_refused_by_name(app: App, twin: str, options: Any, named: str) -> None:
    with pytest.raises(InvalidOption) as raised:
        await do(twin, app, "jobs", **options)
    assert raised.value.option == named


@TWINS
async def test_jobs_are_counted_by_queue_task_and_state(app: App, add: Any, twin: str) -> None:
    app.enqueue_many([add.job(1), add.job(2), add.using(queue="slow", delay=5).job(3)])

    counts = await do(twin, app, "counts")

    assert {(each.queue, each.task, each.state): each.jobs for each in counts} == {
        ("default", "add", JobState.QUEUED): 2,
        ("slow", "add", JobState.SCHEDULED): 1,
    }


@TWINS
async def test_the_stores_time_is_told(app: App, clock: FakeClock, twin: str) -> None:
    assert await do(twin, app, "now") == clock()


@TWINS
async def test_what_the_store_cannot_promise_is_told(app: App, twin: str) -> None:
    (finding,) = await do(twin, app, "diagnose")

    assert (finding.level, finding.subject) == ("warn", "durability")


@TWINS
async def test_draining_runs_what_waits_and_says_how_much(app: App, add: Any, clock: FakeClock, twin: str) -> None:
    app.enqueue_many([add.job(1), add.job(2), add.using(queue="slow").job(3), add.using(delay=60).job(4)])

    assert await do(twin, app, "drain", queues=["slow"]) == 1
    assert await do(twin, app, "drain", limit=1) == 1
    assert await do(twin, app, "drain") == 1
    clock.advance(60)
    assert await do(twin, app, "drain") == 1
    assert await do(twin, app, "workers") != []


def test_two_applications_know_nothing_of_each_other(app: App, add: Any) -> None:
    with App("memory://") as other:
        job = add.enqueue(1)

        assert other.counts() == []
        assert other.tasks == {}
        with pytest.raises(JobNotFound):
            other.job(job.id)
    assert app.job(job.id).id == job.id


def test_two_applications_on_one_database_share_its_jobs(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/jobs.db"
    with App(url) as one, App(url) as two:
        job = one.task(name="add")(lambda: 3).enqueue()
        two.task(name="add")(lambda: 4)

        two.drain()

        assert job.result(0) == 4


def test_an_application_opens_nothing_until_it_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    app = App()
    app.task(name="add")(lambda: 3)

    assert list(tmp_path.iterdir()) == []
    assert app.url == "sqlite:///workmill.db"
    assert repr(app) == "<App sqlite:///workmill.db, 1 tasks>"


def test_its_store_is_the_one_given_or_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKMILL_URL", "sqlite:///elsewhere.db")

    assert App().url == "sqlite:///elsewhere.db"
    assert App("memory://").url == "memory://"


def test_its_workers_find_its_file_whatever_directory_they_are_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app = App("sqlite:///jobs.db")

    monkeypatch.chdir("/")

    assert app.program.url == f"sqlite:///{tmp_path}/jobs.db"
    with app.elsewhere("memory://"):
        assert app.program.url == "memory://"
    assert app.program.url == f"sqlite:///{tmp_path}/jobs.db"


def test_a_url_that_names_no_store_is_refused_at_once() -> None:
    for url in ("mysql://localhost", "jobs.db", "sqlite://", "memory://x"):
        with pytest.raises(ConfigError):
            App(url)


def test_a_context_opens_the_store_and_closes_it(tmp_path: Path) -> None:
    with App(f"sqlite:///{tmp_path}/jobs.db") as app:
        assert (tmp_path / "jobs.db").exists()
        assert app.counts() == []
    assert app.counts() == []  # it opens again
    app.close()


def test_a_store_that_cannot_be_opened_is_an_error_of_the_first_call(tmp_path: Path) -> None:
    app = App(f"sqlite:///{tmp_path}/missing/jobs.db")

    with pytest.raises(StoreUnavailable, match="its folder must exist"):
        app.now()
    app.close()


def test_elsewhere_is_another_store_for_a_while(app: App, add: Any) -> None:
    add.enqueue(1)

    with app.elsewhere("memory://", clock=FakeClock(datetime(2040, 1, 1, tzinfo=UTC))):
        assert app.counts() == []
        assert add.enqueue(2).record.created_at.year == 2040

    assert [each.jobs for each in app.counts()] == [1]


async def test_what_is_awaited_after_an_enqueue_shows_in_its_handles(app: App, add: Any) -> None:
    async def cancel_all() -> None:
        for job in (await app.ajobs(states=["queued"])).jobs:
            await (await app.ajob(job.id)).acancel()

    app.after_enqueue = cancel_all
    one, many = await add.aenqueue(1), await app.aenqueue_many([add.job(2), add.job(3)])
    app.after_enqueue = None

    assert {job.state for job in (one, *many)} == {JobState.CANCELLED}
    assert (await add.aenqueue(4)).state is JobState.QUEUED


def test_a_job_of_a_task_that_is_not_registered_may_be_stored(app: App, add: Any) -> None:
    new: NewJob = add.job(1)
    del app._registry.tasks["add"]  # noqa: SLF001 - as where the task lives in another program

    (job,) = app.enqueue_many([new])

    assert job.state is JobState.QUEUED
    assert app.drain() == 0
