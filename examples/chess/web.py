"""The web half: takes positions, says what became of them, shows the page. It never analyses."""

import json
import os

import chess
import chess.svg
import click
from flask import Flask, Response, current_app, jsonify, render_template, request, url_for

from examples.chess.asked import Requests, requests_of
from examples.chess.position import IllegalPosition, read_position
from examples.chess.refusals import install_refusals, refuse, refuse_arguments
from examples.chess.stockfish import NoStockfish, find_stockfish
from examples.chess.tasks import analyse
from examples.chess.tasks import app as mill
from examples.chess.view import progress_view
from workmill import Failure, InvalidArguments, JobConflict, JobHandle, JobNotFound, JobState

LONGEST_BODY = 16 * 1024
MOST_LATEST = 8
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def create_app() -> Flask:
    """Return the Flask application. Variables named `CHESS_…` set its configuration, such as `CHESS_TRUSTED_HOSTS`."""
    app = Flask(__name__)
    app.config.update(MAX_CONTENT_LENGTH=LONGEST_BODY, TRUSTED_HOSTS=["localhost", "127.0.0.1", "[::1]"])
    app.config.from_prefixed_env("CHESS")
    install_refusals(app)
    app.after_request(_add_headers)
    app.add_url_rule("/", view_func=page)
    app.add_url_rule("/analyze", view_func=analyze, methods=["POST"])
    app.add_url_rule("/analysis", view_func=analysis)
    app.add_url_rule("/analysis", view_func=stop, methods=["DELETE"])
    app.add_url_rule("/progress", view_func=progress)
    app.add_url_rule("/position", view_func=position)
    app.add_url_rule("/pieces/<name>.svg", view_func=piece)
    app.cli.add_command(worker)
    return app


def page() -> str:
    """Answer the page with the board."""
    latest = _requests().latest(MOST_LATEST)
    return render_template("page.html", fields=analyse.schema["properties"], start=chess.STARTING_FEN, latest=latest)


def analyze() -> tuple[Response, int, dict[str, str]]:
    """Store the request and its job in one transaction, and answer their id at once."""
    if request.mimetype != "application/json":
        raise refuse(415, "Content-Type", request.mimetype, "send JSON, with Content-Type: application/json")
    raw = request.get_data()
    try:
        new = analyse.job_from_json(raw)
    except InvalidArguments as error:
        raise refuse_arguments(error, raw, analyse.schema["properties"]) from error
    request_id = _requests().add(new, json.loads(new.args)["fen"])
    return jsonify(id=request_id), 202, {"Location": url_for("analysis", id=request_id)}


def analysis() -> Response:
    """Answer the state of an analysis, and its lines once it is done."""
    record = _asked_job().record
    match record.state:
        case JobState.SUCCEEDED:
            return jsonify(status="done", result=json.loads(record.result or b"null"))
        case JobState.CANCELLED:
            reason = record.cancel_reason or "it was stopped"
            return jsonify(status="failed", error={"type": "Cancelled", "message": reason})
        case JobState.FAILED:
            return jsonify(status="failed", error=_error(record.failure))
        case _:
            return jsonify(status="pending")


def stop() -> tuple[str, int]:
    """Cancel an analysis. Repeating it is harmless."""
    job = _asked_job()
    try:
        job.cancel("stopped on request")
    except JobConflict as error:
        raise refuse(409, "id", job.id, "the analysis has ended; there is nothing to stop") from error
    return "", 204


def progress() -> Response:
    """Answer all that the page shows of an analysis, the best line of a running one included."""
    job = _asked_job()
    view = progress_view(job.record)
    has_worker = job.state != JobState.QUEUED or any(worker.is_live for worker in mill.workers())
    return jsonify(**view, has_worker=has_worker)


def position() -> Response:
    """Check a position without enqueueing anything, and say whether the game is over in it."""
    fen = request.args.get("fen", "")
    try:
        board = read_position(fen)
    except IllegalPosition as error:
        raise refuse(422, "fen", fen, str(error)) from error
    over = "checkmate" if board.is_checkmate() else "stalemate" if board.is_stalemate() else None
    return jsonify(fen=board.fen(en_passant="fen"), over=over, check=board.is_check())


def piece(name: str) -> Response:
    """Answer the picture of a piece, named as in `wK.svg` and `bP.svg`; python-chess draws it."""
    colour, symbol = name[:1], name[1:]
    if colour not in ("w", "b") or symbol not in tuple("KQRBNP"):
        raise refuse(404, "name", name, "pieces are named w or b and one of KQRBNP, as in wK.svg")
    drawn = chess.Piece(chess.PIECE_SYMBOLS.index(symbol.lower()), colour == "w")
    return Response(chess.svg.piece(drawn), mimetype="image/svg+xml", headers={"Cache-Control": "max-age=86400"})


@click.command("worker")
@click.option("--concurrency", type=click.IntRange(1, 256), help="Positions at once; default: one per core.")
def worker(concurrency: int | None) -> None:
    """Analyse what the web server was asked, until TERM or ctrl-C. Any number of these may run side by side."""
    try:
        find_stockfish()
    except NoStockfish as error:
        raise click.ClickException(str(error)) from error
    mill.run_worker(concurrency=concurrency or os.cpu_count() or 1)


def _error(failure: Failure | None) -> dict[str, str]:
    if failure is None:
        return {"type": "Unknown", "message": "nothing was recorded about the failure"}
    return {"type": failure.type, "message": failure.message}


def _requests() -> Requests:
    """Return the rows of this application; they are looked for at the first request, not when it is made."""
    requests = current_app.extensions.get("chess_requests")
    if requests is None:
        requests = current_app.extensions["chess_requests"] = requests_of(mill, current_app.config.get("DATABASE"))
    return requests


def _asked_job() -> JobHandle[object]:
    job_id = request.args.get("id", "")
    try:
        job = mill.job(job_id)
    except JobNotFound as error:
        raise refuse(404, "id", job_id, "no analysis has this id; use one that POST /analyze answered") from error
    if job.record.task != analyse.name:
        raise refuse(404, "id", job_id, "the job with this id is no chess analysis")
    return job


def _add_headers(response: Response) -> Response:
    response.headers.extend(SECURITY_HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
    return response
