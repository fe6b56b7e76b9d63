"""The web half: takes registrations, starts and stops the robot, and shows how both stand."""

import random
import uuid
from typing import TypeAlias

from flask import Flask, Response, jsonify, render_template, request
from pydantic import JsonValue, ValidationError

from examples.robot import control
from examples.robot.control import Order, RobotRuns
from examples.robot.refusals import install_refusals, refuse, refuse_order
from examples.robot.settings import settings_of
from examples.robot.tasks import app as mill
from examples.robot.tasks import register
from examples.robot.view import registration_view, robot_view
from workmill import InvalidArguments, InvalidOption, JobConflict, JobNotFound, StoreUnavailable
from workmill.contrib.flask import Workmill

LONGEST_BODY = 1024 * 1024
KEY_FIELD = "idempotency_key"
KEY_HEADER = "Idempotency-Key"
FORMS = {"application/x-www-form-urlencoded", "multipart/form-data"}
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

Body: TypeAlias = dict[str, JsonValue]


def create_app() -> Flask:
    """Return the Flask application. Variables named `ROBOT_…` set its configuration, such as `ROBOT_TRUSTED_HOSTS`."""
    settings_of()  # so that a wrong variable is told now, and not by the first request
    app = Flask(__name__)
    app.config.update(
        MAX_CONTENT_LENGTH=LONGEST_BODY,
        MAX_FORM_MEMORY_SIZE=LONGEST_BODY,
        TRUSTED_HOSTS=["localhost", "127.0.0.1", "[::1]"],
    )
    app.config.from_prefixed_env("ROBOT")
    install_refusals(app)
    app.after_request(_add_headers)
    app.add_url_rule("/", view_func=page)
    app.add_url_rule("/userregres/", endpoint="form", view_func=page)
    app.add_url_rule("/userregres/", view_func=userregres, methods=["POST"])
    app.add_url_rule("/userregres/<job_id>", view_func=registration)
    app.add_url_rule("/api/wstart", view_func=wstart, methods=["POST"])
    app.add_url_rule("/api/wstop", view_func=wstop, methods=["POST"])
    app.add_url_rule("/api/wstatus", view_func=wstatus, methods=["GET", "POST"])
    app.add_url_rule("/livez", view_func=livez)
    app.add_url_rule("/readyz", view_func=readyz)
    Workmill(app, mill=mill, mount=None)  # `flask mill worker`, and the application's context in the tasks
    return app


def page() -> str:
    """Answer the page with the form and the robot."""
    return render_template("page.html", key=uuid.uuid4().hex, key_field=KEY_FIELD, robot=robot_view(), order=Order())


def userregres() -> tuple[str, int]:
    """Put a registration on its queue, due a little later, and answer a page with its id and queue."""
    body = _body()
    key = request.headers.get(KEY_HEADER) or body.pop(KEY_FIELD, None)
    settings = settings_of()
    delay = random.uniform(settings.soonest_seconds, settings.latest_seconds)  # noqa: S311 - nobody gains by a guess
    try:
        task = register.using(delay=delay, key=str(key) if key else None)
        job = task.enqueue(body)
    except InvalidArguments as error:
        raise refuse(422, "body", body, str(error)) from error
    except InvalidOption as error:
        raise refuse(422, KEY_HEADER, key, str(error)) from error
    except JobConflict as error:
        reason = f"job {error.job_id} has this key with another body; take a new key, or send the same body"
        raise refuse(409, KEY_HEADER, key, reason) from error
    return render_template("registered.html", job=registration_view(job.record), is_new=job.created), 202


def registration(job_id: str) -> Response | str:
    """Answer how a registration stands: a page, or JSON for a program."""
    try:
        record = mill.job(job_id).record
    except JobNotFound as error:
        raise refuse(404, "id", job_id, "no registration has this id") from error
    if record.task != register.name:
        raise refuse(404, "id", job_id, "the job with this id is no registration")
    view = registration_view(record)
    if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
        return render_template("registered.html", job=view, is_new=True)
    return jsonify(view)


def wstart() -> tuple[Response, int]:
    """Start the robot; 422 where it is started already."""
    try:
        order = Order.model_validate_json(request.get_data() or b"{}")
    except ValidationError as error:
        raise refuse_order(error, Order.model_fields) from error
    try:
        control.start(order)
    except RobotRuns as error:
        raise refuse(422, "robot", "started", "it is started already; stop it first, by POST /api/wstop") from error
    return jsonify(robot_view()), 202


def wstop() -> Response:
    """Stop the robot at once. Repeating it is harmless."""
    was_started = control.stop()
    return jsonify({**robot_view(), "was_started": was_started})


def wstatus() -> Response:
    """Answer how the robot stands."""
    return jsonify(robot_view())


def livez() -> str:
    """Answer that this process lives."""
    return "ok"


def readyz() -> tuple[str, int]:
    """Answer whether requests can be served: whether the store answers."""
    try:
        mill.counts()
    except StoreUnavailable:
        return "the store does not answer", 503
    return "ok", 200


def _body() -> Body:
    """Return the whole body of a form or of a JSON object."""
    if request.mimetype in FORMS:
        fields = request.form.to_dict(flat=False)
        return {name: values[0] if len(values) == 1 else [*values] for name, values in fields.items()}
    if request.mimetype != "application/json":
        raise refuse(415, "Content-Type", request.mimetype, "send a form, or JSON as application/json")
    try:
        given = request.get_json(silent=True)
    except RecursionError:  # it is nested too deeply
        given = None
    if not isinstance(given, dict):
        raise refuse(400, "body", request.get_data(as_text=True), "it is not one JSON object")
    return given


def _add_headers(response: Response) -> Response:
    response.headers.extend(SECURITY_HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
    return response
