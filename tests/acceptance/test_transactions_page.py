"""The examples of the page about transactions, run as they are written there."""

import re
import secrets
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "transactions.md").read_text()
EXAMPLES = dict(re.findall(r"^```python\n# (.*?)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE))
ON_SQLITE = {"sqlite3": "sqlite:///shop.db?driver=sqlite3", "apsw": "sqlite:///shop.db"}
ON_POSTGRES = [name for name, text in EXAMPLES.items() if "def place(" in text and name not in ON_SQLITE]
TABLES = "CREATE TABLE orders (id integer); CREATE TABLE parcels (label text)"
DEADLINE_SECONDS = 60

DJANGO = """
import django
from django.conf import settings

settings.configure(DATABASES={{"default": {{"ENGINE": "django.db.backends.postgresql", **{parts}}}}})
django.setup()
"""
PLACE_ONE_AND_FAIL_TO_PLACE_ANOTHER = """
import asyncio, inspect


class Failing:
    def __init__(self, task):
        self.task = task

    def using(self, **options):
        return Failing(self.task.using(**options))

    def enqueue(self, order):
        self.task.enqueue(order)
        raise ZeroDivisionError

    async def aenqueue(self, order):
        await self.task.aenqueue(order)
        raise ZeroDivisionError


def swap():
    global send_receipt
    send_receipt = Failing(send_receipt)


async def awaited():
    await place(1)
    swap()
    await place(2)


try:
    if inspect.iscoroutinefunction(place):
        asyncio.run(awaited())
    else:
        place(1)
        swap()
        place(2)
except ZeroDivisionError:
    print("failed")
"""
SHOW = """
from shop import app
print(*[(job.task, job.args.decode()) for job in app.jobs().jobs])
"""
PREPARE = """
from shop import app
app.now()
"""
SHIP = """
from workmill.testing import drain

job = ship.enqueue(1)
drain(app)
print(job.result(0))
"""
ONE_RECEIPT = """('send_receipt', '{"order":1}')"""


@pytest.fixture
def server(postgres: str) -> Iterator[str]:
    """Give the URL of a database of a test's own."""
    name = f"shop_{secrets.token_hex(6)}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    url = postgres.rpartition("/")[0] + "/" + name
    with psycopg.connect(url) as connection:
        connection.execute(TABLES)
    yield url
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def run(tmp_path: Path) -> Callable[[str, str], list[str]]:
    """Give what runs a program beside the page's `shop.py` and returns the lines that it said."""
    (tmp_path / "shop.py").write_text(EXAMPLES["shop.py"])

    def run(url: str, program: str) -> list[str]:
        (tmp_path / "program.py").write_text(program)
        ended = subprocess.run(
            [sys.executable, "program.py"],
            cwd=tmp_path,
            env={"WORKMILL_URL": url},
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.splitlines()

    return run


def told(name: str, url: str) -> str:
    """Give an example with this database in the place of the page's."""
    parts = urlsplit(url)
    keys = ("NAME", "USER", "PASSWORD", "HOST", "PORT")
    values = (parts.path[1:], parts.username, parts.password, parts.hostname, parts.port)
    settings = {key: value for key, value in zip(keys, values, strict=True) if value}
    return (DJANGO.format(parts=settings) if name == "Django" else "") + EXAMPLES[name].replace(
        "//db.example/shop", url.partition(":")[2]
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ON_POSTGRES)
def test_example_stores_order_and_job_or_neither(name: str, server: str, run: Callable[[str, str], list[str]]) -> None:
    said = run(server, told(name, server) + PLACE_ONE_AND_FAIL_TO_PLACE_ANOTHER + SHOW)

    assert said == ["failed", ONE_RECEIPT]
    with psycopg.connect(server) as connection:
        assert connection.execute("SELECT id FROM orders").fetchall() == [(1,)]


@pytest.mark.slow
@pytest.mark.parametrize("name", ON_SQLITE)
def test_example_on_sqlite_stores_order_and_job_or_neither(
    name: str, tmp_path: Path, run: Callable[[str, str], list[str]]
) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.executescript(TABLES)

    run(ON_SQLITE[name], PREPARE)
    said = run(ON_SQLITE[name], EXAMPLES[name] + PLACE_ONE_AND_FAIL_TO_PLACE_ANOTHER + SHOW)

    assert said == ["failed", ONE_RECEIPT]
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        assert connection.execute("SELECT id FROM orders").fetchall() == [(1,)]


@pytest.mark.slow
def test_example_ends_its_job_with_its_rows(server: str, run: Callable[[str, str], list[str]]) -> None:
    said = run(server, told("finish_in", server) + SHIP)

    assert said == ["Thank you for order 1", "parcel 1"]
    with psycopg.connect(server) as connection:
        assert connection.execute("SELECT label FROM parcels").fetchall() == [("parcel 1",)]


def test_every_driver_that_is_named_has_an_example_that_is_run() -> None:
    assert len(ON_POSTGRES) == 6
    assert {"shop.py", "finish_in", *ON_SQLITE, *ON_POSTGRES} == set(EXAMPLES)
