"""The programs on the pages about the integrations, run as they are written there."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PAGES = Path(__file__).resolve().parents[2] / "docs" / "how-to"
SHOWN = re.compile(r"^```python\n# (\S+\.py)(, added)?\n(.*?)^```", re.DOTALL | re.MULTILINE)
DEADLINE_SECONDS = 100.0

SETTINGS = """
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"]
INSTALLED_APPS += ["shop", "shop.letters"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
SECRET_KEY, ROOT_URLCONF, USE_TZ, ALLOWED_HOSTS = "of this test", "urls", True, ["testserver"]
"""
FLASK = """
from shop import create_app, mill
client = create_app().test_client()
job = client.post("/greetings/Ann").json["job"]
mill.drain()
assert client.get(f"/greetings/{job}").json["result"] == "Hello, Ann"
assert client.get("/jobs/").status_code == 200
import guarded
assert guarded.app.test_client().get("/operations/").status_code == 403
mill.close()
"""
FASTAPI = """
from starlette.testclient import TestClient
from shop import api, mill
with TestClient(api) as client:
    job = client.post("/greetings/Ann").json()["job"]
    mill.drain()
    assert client.get(f"/greetings/{job}").json()["result"] == "Hello, Ann"
    assert client.get("/greetings/none").status_code == 404
    import guarded
    operations = TestClient(guarded.api)
    assert operations.get("/operations/").status_code == 403
    assert operations.get("/operations/", headers={"X-Role": "staff"}).status_code == 200
"""
SQLALCHEMY = """
from sqlalchemy.orm import Session
from shop import Order, engine, mill, place, prepare
prepare()
order = place()
mill.drain()
with Session(engine) as session:
    assert session.get_one(Order, order).is_paid
[job] = mill.jobs().jobs
assert job.state == "succeeded"
mill.close()
"""
DJANGO = """
import django
django.setup()
from django.core.management import call_command
from django.test import Client
from workmill.contrib.django import mill
mill.now()
call_command("migrate", verbosity=0)
from django.contrib.auth.models import User
from shop.letters.tasks import send
from shop.orders import sign_up, sign_up_anywhere
jobs = [sign_up("Ann").id]
mill.drain()
jobs.append(sign_up_anywhere("Bob"))
letter = send.enqueue("A")
mill.drain()
letter.refresh()
assert [mill.job(each).outcome() for each in jobs] == ["Ann", "Bob"]
assert letter.return_value == "sent A"
assert mill.job(letter.id).record.task == "shop.letters.tasks.send"
assert sorted(User.objects.values_list("username", flat=True)) == ["Ann", "Bob"]
assert Client().get("/jobs/").status_code == 302
mill.close()
"""


def written(page: str, folder: Path) -> None:
    """Write the files that a page shows, as they are there."""
    text = (PAGES / page).read_text()
    for name, is_added, body in re.findall(
        r"^```python\n# (\S+\.py)(, added)?\n(.*?)^```", text, re.DOTALL | re.MULTILINE
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_text() if is_added and path.exists() else ""
        path.write_text(before + body)


def environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WORKMILL", "FLASK", "DJANGO"))}
    return {**kept, "DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": str(folder)}


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "script"),
    [("flask.md", FLASK), ("fastapi.md", FASTAPI), ("sqlalchemy.md", SQLALCHEMY), ("django.md", DJANGO)],
)
def test_the_page_s_program_does_what_the_page_says(tmp_path: Path, page: str, script: str) -> None:
    (tmp_path / "settings.py").write_text(SETTINGS)
    written(page, tmp_path)

    done = run(tmp_path, "-W", "error", "-c", script)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "host", "call"),
    [
        ("flask.md", ("-m", "flask", "--app", "shop", "mill"), ("greet", "--name", "Ann")),
        ("django.md", ("-m", "django", "workmill"), ("shop.letters.tasks.send", "--args", "A", "--kwargs", "{}")),
    ],
)
def test_a_worker_of_the_host_s_command_runs_a_job_in_the_host(
    tmp_path: Path, page: str, host: tuple[str, ...], call: tuple[str, ...]
) -> None:
    (tmp_path / "settings.py").write_text(SETTINGS)
    written(page, tmp_path)
    worker = subprocess.Popen(
        [sys.executable, *host, "worker", "--solos=1"],
        cwd=tmp_path,
        env=environment(tmp_path),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        done = run(tmp_path, *host, "call", *call, "--wait=60")
    finally:
        worker.send_signal(signal.SIGTERM)
        _, said = worker.communicate(timeout=DEADLINE_SECONDS)

    assert done.returncode == 0, done.stderr + said
    assert done.stdout.strip() in ('"Hello, Ann"', '"sent A"')
