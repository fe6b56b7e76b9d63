"""The sentiment example with real web servers and workers: every line of what it promises, crashes included."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from examples.running import ROOT
from examples.sentiment.sample import sample_text
from tests.acceptance.sentiment import DEADLINE_SECONDS, TOOLS, Sentiment
from tests.acceptance.servers import READY_SECONDS, kill_tree
from workmill import Ending, Job

LONG = 3000
"""Lines that keep an analysis busy for seconds."""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def on_sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sentiment:
    return Sentiment(f"sqlite:///{tmp_path}/jobs.db?driver=sqlite3", tmp_path, monkeypatch)


@pytest.fixture(params=["apsw", "postgresql", "redis"])
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sentiment:
    name = {"apsw": "sqlite_url"}.get(request.param, f"{request.param}_url")
    return Sentiment(request.getfixturevalue(name), tmp_path, monkeypatch)


def rows(status: dict[str, object], key: str) -> list[object]:
    analyses = status["analyses"]
    assert isinstance(analyses, list)
    return [each[key] for each in analyses]


def analyses(example: Sentiment) -> list[Job]:
    return [job for job in example.app.jobs(limit=200).jobs if job.task == "sentiment.analyse"]


async def test_four_tools_analyse_a_text_and_the_results_are_mailed_once(on_sqlite: Sentiment) -> None:
    with on_sqlite.web():
        request = on_sqlite.send()
        before = on_sqlite.status(request)
        with on_sqlite.worker():
            after = await on_sqlite.until_mailed(request)

    assert before["state"] == "unassigned"
    assert rows(before, "state") == ["queued"] * 4
    assert (after["state"], after["round"], after["lines"]) == ("success", 1, 3)
    assert rows(after, "tool") == TOOLS
    assert rows(after, "worker") == ["anna"] * 4
    for found in rows(after, "found"):
        assert isinstance(found, dict)
        assert found["happy"] + found["neutral"] + found["sad"] == 3
        assert found["happiest"]["number"] == 1
        assert found["low"] <= found["mean"] <= found["high"]
    [letter] = on_sqlite.letters()
    assert "To: ada@example.org" in letter
    assert f"Message-ID: <{request}.1@" in letter
    assert all(f"{tool}: " in letter for tool in TOOLS)


async def test_it_does_so_on_every_store_whether_that_joins_its_transactions_or_not(elsewhere: Sentiment) -> None:
    with elsewhere.web(), elsewhere.worker():
        after = await elsewhere.until_mailed(elsewhere.send())

    assert (after["state"], after["round"]) == ("success", 1)
    assert len(elsewhere.letters()) == 1


async def test_what_hangs_ends_by_its_time_limit_and_what_failed_is_run_again(on_sqlite: Sentiment) -> None:
    with on_sqlite.web(), on_sqlite.worker():
        hangs, crashes = on_sqlite.send(fault="hang"), on_sqlite.send(fault="crash")
        broken = on_sqlite.send(fault="broken")
        failed = await on_sqlite.until(hangs, lambda status: status["state"] == "failure")
        well = await on_sqlite.until_mailed(hangs)
        killed = await on_sqlite.until_mailed(crashes)
        given_up = await on_sqlite.until(broken, lambda each: (each["state"], each["round"]) == ("failure", 3))
        unasked = on_sqlite.refusal("POST", f"requests/{hangs}/again")

    assert failed["round"] == 1
    assert "afinn: the attempt ran longer than its limit of 5 s" in failed["error"]
    assert (well["state"], well["round"], well["error"]) == ("success", 2, None)
    assert (killed["round"], rows(killed, "attempt")) == (1, [1, 1, 2, 1])
    assert given_up["error"] == "afinn: this request was sent to see how a failure looks"
    assert rows(given_up, "state").count("failed") == 1
    assert unasked[:2] == (403, "form")
    assert len(on_sqlite.letters()) == 2


async def test_nothing_is_forgotten_when_web_server_and_worker_are_killed(on_sqlite: Sentiment) -> None:
    with on_sqlite.web() as first_web:
        request = on_sqlite.send(sample_text(LONG))
        kill_tree(first_web)
    with on_sqlite.web():
        assert on_sqlite.status(request)["state"] == "unassigned"
        with on_sqlite.worker("anna") as first:
            await on_sqlite.until(request, lambda status: any(share for share in rows(status, "share")))
            kill_tree(first)
        taken = on_sqlite.status(request)
        with on_sqlite.worker("ben"):
            after = await on_sqlite.until_mailed(request)

    assert taken["state"] == "pending"
    assert (after["state"], after["round"]) == ("success", 1)
    assert "ben" in rows(after, "worker")
    assert len(on_sqlite.letters()) == 1


async def test_manager_begins_again_what_nobody_would_ever_take(elsewhere: Sentiment) -> None:
    with elsewhere.web():
        request = elsewhere.send()
        [flow] = elsewhere.app.flows().flows
        elsewhere.app.flow(flow.id).cancel("as if its jobs had been lost")
        with elsewhere.worker():
            after = await elsewhere.until_mailed(request)

    assert (after["state"], after["round"]) == ("success", 2)


async def test_worker_told_to_stop_finishes_its_work_and_another_reloads(on_sqlite: Sentiment) -> None:
    with on_sqlite.web(), on_sqlite.worker("anna", places=2) as anna, on_sqlite.worker("ben", places=2) as ben:
        request = on_sqlite.send(sample_text(LONG))
        await on_sqlite.until(request, lambda status: set(rows(status, "worker")) == {"anna", "ben"})
        anna.terminate()
        status = anna.wait(READY_SECONDS)
        await on_sqlite.until_mailed(request)
        ben.send_signal(signal.SIGHUP)
        another = await on_sqlite.until_mailed(on_sqlite.send())

    assert status == 0
    assert rows(another, "worker") == ["ben"] * 4
    endings = [attempt.ending for job in analyses(on_sqlite) for attempt in on_sqlite.app.job(job.id).attempts()]
    assert not {Ending.INTERRUPTED, Ending.FAILED} & set(endings)


def test_what_is_no_text_is_refused_with_the_line_and_the_remedy(on_sqlite: Sentiment) -> None:
    with on_sqlite.web():
        put = on_sqlite.refusal
        refusals = {
            "empty": put("PUT", "files/a.txt"),
            "blank": put("PUT", "files/a.txt", b" \n\n"),
            "latin": put("PUT", "files/a.txt", "fine\ncafé".encode("latin-1")),
            "zero": put("PUT", "files/a.txt", b"fine\nnot\0fine"),
            "long": put("PUT", "files/a.txt", b"a" * 4001),
            "many": put("PUT", "files/a.txt", b"a\n" * 20_001),
            "large": put("PUT", "files/a.txt", b"a\n" * 600_000),
            "address": put("PUT", "files/a.txt?email=nobody", b"fine"),
            "fault": put("PUT", "files/a.txt?fault=worst", b"fine"),
            "method": put("DELETE", "files/a.txt"),
            "unknown": put("GET", "requests/00000000-0000-0000-0000-000000000000/status"),
            "malformed": put("GET", "requests/7/status"),
            "token": put("POST", "sample", b"lines=200"),
        }
        host = on_sqlite.ask("GET", "", Host="evil.example")[0]

    said = {name: (status, field) for name, (status, field, _) in refusals.items()}
    assert said == {
        **dict.fromkeys(["empty", "blank", "latin", "zero", "long", "many"], (422, "file")),
        "large": (413, "file"),
        "address": (422, "email"),
        "fault": (422, "fault"),
        "method": (405, "DELETE"),
        "unknown": (404, "/requests/00000000-0000-0000-0000-000000000000/status"),
        "malformed": (404, "/requests/7/status"),
        "token": (403, "form"),
    }
    assert "line 2 is not UTF-8 text (byte 0xe9); save it as UTF-8" in refusals["latin"][2]
    assert host == 400
    assert not on_sqlite.app.jobs().jobs


@pytest.mark.alone
def test_four_at_once_run_side_by_side_and_the_speed_up_is_measured(tmp_path: Path) -> None:
    text = tmp_path / "feedback.txt"
    text.write_text(sample_text(2000))

    said = subprocess.run(
        [sys.executable, "-m", "examples.sentiment.speed", str(text), "--rounds=1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=4 * DEADLINE_SECONDS,
        check=False,
    )

    assert said.returncode == 0, said.stderr
    print(said.stdout)  # noqa: T201 - shown by `-rP`
    found = re.search(r"speed-up +([\d.]+) × on (\d+) cores", said.stdout)
    assert found is not None, said.stdout
    if int(found[2]) >= 4 and os.getloadavg()[0] < int(found[2]) / 2:
        assert float(found[1]) >= 2.5
