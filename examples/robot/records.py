"""The web service that the robot fetches from: a process of its own, with a file of its own, which fails now and then.

It hands out records in the name of whoever asks, and gives them to somebody else when nothing was said about them for a
while. So a caller that dies half-way loses none; one that asks again in the same name gets the same.
"""

import itertools
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Literal

from flask import Flask, Response, abort, current_app, g, jsonify, request
from pydantic import ValidationError

from examples.robot.documents import document_of
from examples.robot.records_shape import Record, Taking
from examples.running import DATA

FINAL = ("DONE", "REFUSED")
TABLE = """
CREATE TABLE IF NOT EXISTS record (
    id INTEGER PRIMARY KEY,
    status TEXT NOT NULL,
    taken_by TEXT NOT NULL,
    taken_at REAL NOT NULL DEFAULT (julianday('now') * 86400)
)
"""
GIVEN_ALREADY = "SELECT id FROM record WHERE taken_by = ? ORDER BY id"
LEFT_LYING = """
UPDATE record SET taken_by = ?, status = ?, taken_at = julianday('now') * 86400
WHERE id IN (
    SELECT id FROM record
    WHERE status NOT IN ('DONE', 'REFUSED') AND taken_at < julianday('now') * 86400 - ? ORDER BY id LIMIT ?
)
RETURNING id
"""
NEW = "INSERT INTO record (taken_by, status) VALUES (?, ?) RETURNING id"
ANSWERED = "UPDATE record SET status = ? WHERE id = ?"
COUNTS = "SELECT status, count(*) FROM record GROUP BY status"


def create_app() -> Flask:
    """Return the service. Variables named `ROBOT_RECORDS_…` set its configuration."""
    app = Flask(__name__)
    app.config.update(
        FILE=str(DATA / "records.db"),
        FAIL_EVERY=5,  # calls; 0: never
        BROKEN_EVERY=10,  # documents; 0: none
        LENGTH=4000,  # characters of a document
        LEASE=60,  # seconds
        MAX_CONTENT_LENGTH=4096,
    )
    app.config.from_prefixed_env("ROBOT_RECORDS")
    app.extensions["calls"] = itertools.count(1)
    app.before_request(_fail_before)
    app.after_request(_fail_after)
    app.add_url_rule("/", view_func=counts)
    app.add_url_rule("/livez", view_func=live)
    app.add_url_rule("/records/taken", view_func=take, methods=["POST"])
    app.add_url_rule("/records/<int:record_id>", view_func=answer, methods=["PUT"])
    Path(app.config["FILE"]).parent.mkdir(parents=True, exist_ok=True)
    with closing(_connect(app)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(TABLE)
    return app


def take() -> Response:
    """Answer with records in the name of whoever asks."""
    try:
        taking = Taking.model_validate_json(request.get_data())
    except ValidationError as error:
        said = error.errors()[0]
        abort(422, f"{'.'.join(map(str, said['loc'])) or 'body'}: {said['msg']}")
    with closing(_connect(current_app)) as connection:
        ids = _taken(connection, taking)
    return jsonify([_record(each).model_dump() for each in ids])


def answer(record_id: int) -> tuple[str, int]:
    """Note what became of a record. Repeating it is harmless."""
    body = request.get_json()
    status = body.get("status") if isinstance(body, dict) else None
    if status not in FINAL:
        abort(422, f"status: give one of {', '.join(FINAL)}")
    with closing(_connect(current_app)) as connection:
        if connection.execute(ANSWERED, (status, record_id)).rowcount == 0:
            abort(404, f"record {record_id} was never handed out")
    return "", 204


def counts() -> Response:
    """Answer how many records have each status."""
    with closing(_connect(current_app)) as connection:
        return jsonify(dict(connection.execute(COUNTS).fetchall()))


def live() -> str:
    """Answer that it lives."""
    return "ok"


def _taken(connection: sqlite3.Connection, taking: Taking) -> list[int]:
    """Return the records that this name has, or now gets."""
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        ids = [each for (each,) in connection.execute(GIVEN_ALREADY, (taking.by,))]
        if ids:
            return ids
        lease = current_app.config["LEASE"]
        ids = [each for (each,) in connection.execute(LEFT_LYING, (taking.by, taking.status, lease, taking.count))]
        while len(ids) < taking.count:
            ids += connection.execute(NEW, (taking.by, taking.status)).fetchone()
        return sorted(ids)


def _record(record_id: int) -> Record:
    every = current_app.config["BROKEN_EVERY"]
    is_broken = bool(every) and record_id % every == 0
    return Record(id=record_id, document=document_of(record_id, current_app.config["LENGTH"], is_broken=is_broken))


def _connect(app: Flask) -> sqlite3.Connection:
    return sqlite3.connect(app.config["FILE"], timeout=5, isolation_level=None)


def _fail_before() -> None:
    g.fault = _fault()
    if g.fault == "before":
        abort(503, "a failure, before anything was done")


def _fail_after(response: Response) -> Response:
    if g.get("fault") != "after" or not response.status.startswith("2"):
        return response
    return Response("a failure, after it was done", status=500)


def _fault() -> Literal["before", "after", ""]:
    """Return how this call is to fail: every so often, by turns before it did anything and after."""
    every = current_app.config["FAIL_EVERY"]
    if not every or request.method == "GET":
        return ""
    number = next(current_app.extensions["calls"])
    if number % every:
        return ""
    return "before" if number // every % 2 else "after"
