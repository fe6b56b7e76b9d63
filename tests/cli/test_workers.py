"""`workmill workers`."""

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from tests.cli.conftest import Run
from workmill import App, Order, worker_document
from workmill.store import NewWorker

Runner = Callable[..., Run]


@pytest.fixture
def workers(app: App) -> list[str]:
    """Three workers, of which two have one name, and one that has ended."""
    store = app.program.open_store()

    async def hire() -> None:
        for number, name in enumerate(("one", "twin", "twin", "gone")):
            await store.register(
                NewWorker(
                    id=f"id{number}",
                    name=name,
                    host="here",
                    pid=number,
                    queues=None if number else ("mail", "images"),
                    tasks=("resize", "fail"),
                    concurrency=4,
                    lease=timedelta(minutes=10),
                )
            )
        await store.leave("id3")

    asyncio.run(hire())
    return ["id0", "id1", "id2"]


def orders(app: App) -> dict[str, str]:
    return {worker.id: str(worker.order) for worker in app.workers()}


def lines(run: Run) -> Iterator[list[str]]:
    return (line.split("\t") for line in run.out.splitlines())


@pytest.mark.usefixtures("workers")
def test_list_shows_who_is_live(run: Runner) -> None:
    listed = run("workers", "list", "-o", "plain")

    assert [line[:7] for line in lines(listed)] == [
        ["id2", "twin", "working", "0/4", "all", "here", "2"],
        ["id1", "twin", "working", "0/4", "all", "here", "1"],
        ["id0", "one", "working", "0/4", "mail, images", "here", "0"],
    ]


@pytest.mark.usefixtures("workers")
def test_list_shows_who_ended_lately_where_asked(run: Runner) -> None:
    listed = run("workers", "list", "--ended", "-o", "plain")

    assert next(lines(listed))[:3] == ["id3", "gone", "ended"]


@pytest.mark.usefixtures("workers")
def test_list_as_json_is_the_documents(app: App, run: Runner) -> None:
    documents = json.loads(run("workers", "list", "--json").out)["items"]

    assert documents == [worker_document(worker) for worker in app.workers() if worker.is_live]
    assert documents[2] == {
        "id": "id0",
        "name": "one",
        "host": "here",
        "pid": 0,
        "queues": ["mail", "images"],
        "tasks": ["resize", "fail"],
        "concurrency": 4,
        "running": 0,
        "live": True,
        "leader": False,
        "order": "work",
        "started_at": documents[2]["started_at"],
        "lease_ends_at": documents[2]["lease_ends_at"],
    }


@pytest.mark.usefixtures("workers")
def test_workers_are_quieted_resumed_and_stopped_by_name_or_id(app: App, run: Runner) -> None:
    quieted = run("workers", "quiet", "one", "id2", "one")
    assert (quieted.code, quieted.out) == (
        0,
        "id0 one is to take no more jobs\nid2 twin is to take no more jobs\n",
    )
    assert "within a third of their lease: 5 s" in quieted.err
    assert orders(app) == {"id0": "quiet", "id1": "work", "id2": "quiet", "id3": "work"}
    assert [line[2] for line in lines(run("workers", "list", "-o", "plain"))] == ["quiet", "working", "quiet"]

    assert run("workers", "resume", "one").out == "id0 one is to take jobs\n"
    assert orders(app)["id0"] == "work"

    assert run("workers", "stop", "one").out == "id0 one is to finish what runs and end\n"
    assert orders(app)["id0"] == "stop"
    assert [line[2] for line in lines(run("workers", "list", "-o", "plain"))][2] == "stopping"


def test_all_means_all_that_are_live(app: App, run: Runner, workers: list[str]) -> None:
    stopped = run("workers", "stop", "--all", "--json")

    assert orders(app) == {**dict.fromkeys(workers, "stop"), "id3": "work"}
    assert [item["order"] for item in json.loads(stopped.out)["items"]] == ["stop"] * 3


@pytest.mark.usefixtures("workers")
def test_nothing_undoes_a_stop(app: App, run: Runner) -> None:
    run("workers", "stop", "one")

    again, resumed = run("workers", "stop", "one"), run("workers", "resume", "--all")

    assert (again.code, resumed.code) == (0, 6)
    assert "worker one (id0) was told to stop, which nothing undoes" in resumed.err
    assert resumed.out.splitlines() == ["id2 twin is to take jobs", "id1 twin is to take jobs"]
    assert orders(app)["id0"] == "stop"


@pytest.mark.usefixtures("workers")
def test_who_ends_meanwhile_is_said(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(App, "order_workers", lambda _app, ids, _order: [False for _ in ids])

    told = run("workers", "quiet", "one")

    assert (told.code, told.out) == (6, "")
    assert "worker one (id0) ended just now" in told.err


@pytest.mark.usefixtures("workers")
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "name workers by name or id, or all by --all"),
        (("one", "--all"), 2, "name workers by name or id, or all by --all"),
        (("twin",), 2, "2 live workers have the name 'twin'; name one by its id: id2 (pid 2 on here), id1"),
        (("one", "gone"), 5, "no live worker has the name or id 'gone'; these are live: one, twin"),
        (("\x1b[2J",), 5, "no live worker"),
    ],
)
def test_who_is_not_one_worker_is_refused_and_nobody_is_told(
    app: App, run: Runner, words: tuple[str, ...], code: int, said: str
) -> None:
    refused = run("workers", "stop", *words)

    assert (refused.code, refused.out) == (code, "")
    assert said in refused.err
    assert "\x1b" not in refused.err
    assert set(orders(app).values()) == {"work"}


def test_where_nobody_lives_there_is_nobody_to_tell(run: Runner) -> None:
    assert run("workers", "list", "-o", "plain").out == ""
    assert "these are live: none" in run("workers", "stop", "x").err


@pytest.mark.usefixtures("workers")
def test_what_only_quiet_workers_would_take_is_stranded(app: App, run: Runner) -> None:
    run("workers", "quiet", "--all")

    job = app.tasks["fail"].enqueue("x")

    assert "no live worker takes jobs of task fail" in run("jobs", "show", job.id).err
    looked = run("doctor", "-o", "plain")
    assert "none takes jobs: 3 live, all quiet or stopping" in looked.out
    assert "1 queued job of task fail that no live worker takes" in looked.out
    assert app.order_workers(["id0"], Order.WORK) == [True]
    assert "none takes jobs" not in run("doctor", "-o", "plain").out
