"""The chess example's routes, on a store in memory; the jobs are run by the test where it wants them run."""

import importlib
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import chess
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from examples.chess.engine import EngineFailed
from examples.chess.engines import Engines
from examples.chess.stockfish import NoStockfish
from workmill import App, JobState, StoreUnavailable

REFERENCE = "8/8/6P1/4R3/8/6k1/2r5/6K1 b - - 0 1"
RESULT = [{"centipawn_score": None, "mate_score": -2, "pv": ["c2c1", "e5e1", "c1e1"]}]
KINGS = "4k3/8/8/8/8/8/8/4K3 w - - 0 1"
DEADLINE = 20.0
UNKNOWN = "00000000-0000-7000-8000-000000000000"


@dataclass
class Example:
    http: FlaskClient
    app: App
    engines: Engines

    def post(self, **body: object) -> TestResponse:
        return self.http.post("/analyze", json=body)

    def enqueue(self, **body: object) -> str:
        answer = self.post(**body)
        assert answer.status_code == 202, answer.text
        return str(answer.get_json()["id"])

    def get(self, path: str, **query: str) -> TestResponse:
        return self.http.get(path, query_string=query)

    def stored(self) -> int:
        return len(self.app.jobs().jobs)


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Iterator[Example]:
    # The example reads its store's URL when it is imported, as any application does.
    monkeypatch.setenv("WORKMILL_URL", "memory://")
    for name in ("examples.chess.tasks", "examples.chess.web"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    tasks = importlib.import_module("examples.chess.tasks")
    web = importlib.import_module("examples.chess.web")
    yield Example(http=web.create_app().test_client(), app=tasks.app, engines=tasks.engines)
    tasks.engines.close()
    tasks.app.close()


@pytest.mark.slow
def test_reference_position_is_pending_and_then_done_with_its_result(example: Example) -> None:
    job = example.enqueue(fen=REFERENCE)

    before = example.get("/analysis", id=job)
    example.app.drain()
    after = example.get("/analysis", id=job)

    assert (before.status_code, before.json) == (200, {"status": "pending"})
    assert (after.status_code, after.json) == (200, {"status": "done", "result": RESULT})


def test_answer_to_a_submission_is_an_id_and_where_to_ask(example: Example) -> None:
    answer = example.post(fen=REFERENCE, num_moves_to_return=2, time_limit=0.5, depth_limit=3)

    assert answer.status_code == 202
    assert set(answer.get_json()) == {"id"}
    assert answer.headers["Location"] == f"/analysis?id={answer.get_json()['id']}"
    assert json.loads(example.app.job(answer.get_json()["id"]).record.args) == {
        "fen": REFERENCE,
        "num_moves_to_return": 2,
        "time_limit": 0.5,
        "depth_limit": 3,
    }


@pytest.mark.slow
def test_game_that_is_over_is_done_with_no_lines(example: Example) -> None:
    job = example.enqueue(fen="R5k1/5ppp/8/8/8/8/8/6K1 b - - 0 1")

    example.app.drain()

    assert example.get("/analysis", id=job).json == {"status": "done", "result": []}


@pytest.mark.parametrize(
    ("body", "field", "value", "reason"),
    [
        ({}, "fen", None, "required"),
        ({"fen": 5}, "fen", 5, "string"),
        ({"fen": "hello"}, "fen", "hello", "six"),
        ({"fen": "4k3/8/8/8/8/8/8/K3K3 w - - 0 1"}, "fen", "4k3/8/8/8/8/8/8/K3K3 w - - 0 1", "White has 2 kings"),
        ({"fen": "4k3/4R3/8/8/8/8/8/4K3 w - - 0 1"}, "fen", "4k3/4R3/8/8/8/8/8/4K3 w - - 0 1", "Black is in check"),
        ({"fen": "8/8/8/8/8/8/8/8 w - - 0 1"}, "fen", "8/8/8/8/8/8/8/8 w - - 0 1", "no king"),
        ({"fen": "P3k3/8/8/8/8/8/8/4K3 w - - 0 1"}, "fen", "P3k3/8/8/8/8/8/8/4K3 w - - 0 1", "rank 1 or 8"),
        ({"fen": KINGS, "num_moves_to_return": 0}, "num_moves_to_return", 0, "greater than or equal to 1"),
        ({"fen": KINGS, "num_moves_to_return": 1000}, "num_moves_to_return", 1000, "less than or equal to 10"),
        ({"fen": KINGS, "num_moves_to_return": "3"}, "num_moves_to_return", "3", "integer"),
        ({"fen": KINGS, "num_moves_to_return": True}, "num_moves_to_return", True, "integer"),
        ({"fen": KINGS, "num_moves_to_return": 1.5}, "num_moves_to_return", 1.5, "integer"),
        ({"fen": KINGS, "time_limit": -1}, "time_limit", -1, "greater than or equal to 0.01"),
        ({"fen": KINGS, "time_limit": 1e308}, "time_limit", 1e308, "less than or equal to 60"),
        ({"fen": KINGS, "time_limit": [1]}, "time_limit", [1], "number"),
        ({"fen": KINGS, "depth_limit": -5}, "depth_limit", -5, "greater than or equal to 1"),
        ({"fen": KINGS, "depth_limit": 10**30}, "depth_limit", 10**30, "less than or equal to 60"),
        ({"fen": KINGS, "depth_limit": None}, "depth_limit", None, "integer"),
        ({"fen": KINGS, "threads": 64}, "threads", 64, "no such field; the fields are fen, num_moves_to_return"),
    ],
)
def test_wrong_field_is_refused_by_name_with_its_value_and_the_reason(
    example: Example, body: dict[str, object], field: str, value: object, reason: str
) -> None:
    answer = example.post(**body)

    assert answer.status_code == 422
    [error] = answer.get_json()["errors"]
    assert (error["field"], error["value"]) == (field, value)
    assert reason in error["reason"]
    assert example.stored() == 0


def test_every_wrong_field_is_named_at_once(example: Example) -> None:
    answer = example.post(fen="x", num_moves_to_return=-1, time_limit=-1, depth_limit=-1, more=1)

    fields = [error["field"] for error in answer.get_json()["errors"]]
    assert sorted(fields) == ["depth_limit", "fen", "more", "num_moves_to_return", "time_limit"]


def test_long_value_is_cut_so_that_the_reason_stays_in_sight(example: Example) -> None:
    answer = example.post(fen="p" * 5000)

    [error] = answer.get_json()["errors"]
    assert len(error["value"]) < 200
    assert "5000 characters" in error["reason"]


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"fen=1", 400),
        (b"\xff\xfe{}", 400),
        (b"[" * 9000, 400),
        (b'{"fen": "a", "fen": "b"}', 400),
        (b'{"fen": "' + KINGS.encode() + b'", "time_limit": NaN}', 400),
        (b'{"fen": "' + KINGS.encode() + b'", "time_limit": 1' + b"0" * 5000 + b"}", 400),
        (b"[]", 422),
        (b'"text"', 422),
        (b"null", 422),
    ],
)
def test_body_that_is_no_object_in_json_is_refused(example: Example, raw: bytes, status: int) -> None:
    answer = example.http.post("/analyze", data=raw, content_type="application/json")

    assert answer.status_code == status
    [error] = answer.get_json()["errors"]
    assert error["field"] == "body"
    assert "send one JSON object" in error["reason"]
    assert example.stored() == 0


def test_huge_body_is_refused_without_being_read(example: Example) -> None:
    raw = json.dumps({"fen": KINGS + " " * 20_000}).encode()

    answer = example.http.post("/analyze", data=raw, content_type="application/json")

    assert answer.status_code == 413
    [error] = answer.get_json()["errors"]
    assert (error["field"], error["value"]) == ("body", len(raw))
    assert example.stored() == 0


@pytest.mark.parametrize("media_type", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data", None])
def test_other_media_type_is_refused(example: Example, media_type: str | None) -> None:
    answer = example.http.post("/analyze", data=json.dumps({"fen": KINGS}), content_type=media_type)

    assert answer.status_code == 415
    assert answer.get_json()["errors"][0]["field"] == "Content-Type"
    assert example.stored() == 0


@pytest.mark.parametrize("path", ["/analysis", "/progress"])
@pytest.mark.parametrize("job", [UNKNOWN, "7", "", "../etc", "\0", "x" * 3000])
def test_unknown_or_malformed_id_is_not_found(example: Example, path: str, job: str) -> None:
    answer = example.get(path, id=job)

    assert answer.status_code == 404
    assert answer.get_json()["errors"][0]["field"] == "id"


def test_missing_id_is_not_found(example: Example) -> None:
    assert example.get("/analysis").status_code == 404


def test_job_of_another_task_is_not_found(example: Example) -> None:
    other = example.app.task(name="other")(lambda: None)
    job = other.enqueue()

    answer = example.get("/analysis", id=job.id)

    assert answer.status_code == 404


def test_wrong_method_and_wrong_path_are_answered_in_json(example: Example) -> None:
    method, path = example.get("/analyze"), example.get("/nowhere")

    assert (method.status_code, path.status_code) == (405, 404)
    assert "POST" in method.headers["Allow"]
    assert path.get_json()["errors"][0]["field"] == "/nowhere"


def test_foreign_host_is_refused(example: Example) -> None:
    answer = example.http.get("/", headers={"Host": "chess.example"})

    assert answer.status_code == 400
    [error] = answer.get_json()["errors"]
    assert (error["field"], error["value"]) == ("Host", "chess.example")


def test_store_that_does_not_answer_is_a_503_that_says_try_again(
    example: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(*_: object, **__: object) -> None:
        raise StoreUnavailable("the disk is busy")

    monkeypatch.setattr(example.app, "enqueue_many", unavailable)

    answer = example.post(fen=KINGS)

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert "the disk is busy" in answer.get_json()["errors"][0]["reason"]


@pytest.mark.parametrize(
    ("error", "attempts"), [(EngineFailed("it died"), 3), (NoStockfish("none was found"), 1)], ids=["engine", "missing"]
)
def test_failed_analysis_says_why_and_is_repeated_only_where_that_can_help(
    example: Example, monkeypatch: pytest.MonkeyPatch, error: Exception, attempts: int
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(example.engines, "analyse", fail)
    job = example.enqueue(fen=KINGS)

    example.app.drain(skip_delays=True)

    answer = example.get("/analysis", id=job)
    assert answer.status_code == 200
    assert answer.json == {"status": "failed", "error": {"type": type(error).__name__, "message": str(error)}}
    assert example.app.job(job).record.attempt == attempts
    assert example.get("/progress", id=job).get_json()["error"] == str(error)


def test_stopped_analysis_is_failed_as_cancelled_and_stopping_again_is_harmless(example: Example) -> None:
    job = example.enqueue(fen=KINGS)

    first, second = (example.http.delete("/analysis", query_string={"id": job}) for _ in range(2))

    assert (first.status_code, second.status_code) == (204, 204)
    assert example.get("/analysis", id=job).json == {
        "status": "failed",
        "error": {"type": "Cancelled", "message": "stopped on request"},
    }
    assert example.app.drain() == 0


@pytest.mark.slow
def test_stopping_what_is_done_is_a_conflict(example: Example) -> None:
    job = example.enqueue(fen=REFERENCE)
    example.app.drain()

    answer = example.http.delete("/analysis", query_string={"id": job})

    assert answer.status_code == 409
    assert example.get("/analysis", id=job).get_json()["status"] == "done"


@pytest.mark.slow
def test_running_analysis_shows_its_best_line_and_ends_when_it_is_stopped(example: Example) -> None:
    job = example.enqueue(fen=chess.STARTING_FEN, time_limit=60, depth_limit=60)
    handle = example.app.job(job)

    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(example.app.drain)
        while handle.record.progress is None:
            before = handle.record.version
            handle.refresh(DEADLINE, since=before)
            assert handle.record.version > before, "nothing happened in time"
        view = example.get("/progress", id=job).get_json()
        stopped = example.http.delete("/analysis", query_string={"id": job})
        handle.refresh(DEADLINE)
        working.result(DEADLINE)

    assert (view["state"], view["depth_limit"]) == ("running", 60)
    assert view["depth"] >= 1
    assert view["nodes"] > 0
    assert view["lines"][0]["moves"][0]["san"]
    assert stopped.status_code == 204
    assert handle.state == JobState.CANCELLED


def test_page_has_the_board_and_no_script_or_style_in_line(example: Example) -> None:
    answer = example.get("/")

    assert answer.status_code == 200
    assert 'id="board"' in answer.text
    assert "<style" not in answer.text
    assert " style=" not in answer.text
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


def test_page_offers_the_limits_that_the_task_has(example: Example) -> None:
    text = " ".join(example.get("/").text.split())

    assert 'name="num_moves_to_return" type="number" inputmode="decimal" value="3" step="1" min="1" max="10"' in text
    assert 'name="depth_limit" type="number" inputmode="decimal" value="20" step="1" min="1" max="60"' in text


@pytest.mark.parametrize("name", [colour + piece for colour in "wb" for piece in "KQRBNP"])
def test_pieces_are_pictures(example: Example, name: str) -> None:
    answer = example.get(f"/pieces/{name}.svg")

    assert answer.mimetype == "image/svg+xml"
    assert answer.data.startswith(b"<svg")


@pytest.mark.parametrize("name", ["wX", "xK", "w", "", "wKK", "../wK"])
def test_other_pieces_are_not_found(example: Example, name: str) -> None:
    assert example.get(f"/pieces/{name}.svg").status_code == 404


@pytest.mark.parametrize(
    ("fen", "over", "check"),
    [
        (KINGS, None, False),
        (REFERENCE, None, False),
        ("R5k1/5ppp/8/8/8/8/8/6K1 b - - 0 1", "checkmate", True),
        ("k7/8/1Q6/8/8/8/8/7K b - - 0 1", "stalemate", False),
    ],
)
def test_position_is_checked_without_a_job(example: Example, fen: str, over: str | None, check: bool) -> None:  # noqa: FBT001
    answer = example.get("/position", fen=fen)

    assert answer.json == {"fen": fen, "over": over, "check": check}
    assert example.stored() == 0


def test_impossible_position_is_refused_by_the_check_as_it_is_by_a_submission(example: Example) -> None:
    fen = "4k3/4R3/8/8/8/8/8/4K3 w - - 0 1"

    checked, submitted = example.get("/position", fen=fen), example.post(fen=fen)

    assert checked.status_code == submitted.status_code == 422
    assert checked.json == submitted.json


def test_progress_of_what_waits_says_whether_a_worker_is_there(example: Example) -> None:
    job = example.enqueue(fen=REFERENCE)

    view = example.get("/progress", id=job).get_json()

    assert (view["state"], view["done"], view["has_worker"]) == ("queued", False, False)
    assert (view["fen"], view["lines"]) == (REFERENCE, [])


@pytest.mark.slow
def test_progress_of_what_is_done_has_the_lines_for_people(example: Example) -> None:
    job = example.enqueue(fen=REFERENCE)

    example.app.drain()

    view = example.get("/progress", id=job).get_json()
    assert (view["state"], view["done"], view["error"]) == ("succeeded", True, None)
    assert [move["san"] for move in view["lines"][0]["moves"]] == ["Rc1+", "Re1", "Rxe1#"]
    assert view["lines"][0]["words"] == "Black mates in 2"
