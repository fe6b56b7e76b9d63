import subprocess
import sys
from pathlib import Path

import pytest

from workmill.stores.memory import MemoryStore
from workmill.stores.opening import store_factory, whole
from workmill.stores.sqlite import SqliteStore
from workmill.testing.conformance.harness import SteppedClock
from workmill.testing.conformance.making import add, new_job, stored
from workmill.words.errors import ConfigError


async def test_memory_stores_of_one_factory_share_their_jobs() -> None:
    make = store_factory("memory://")
    first, second = make(), make()

    job = await add(first, new_job())

    assert isinstance(first, MemoryStore)
    assert first is not second
    assert await stored(second, job.id) == job


async def test_memory_stores_of_two_factories_share_nothing() -> None:
    first, second = store_factory("memory://")(), store_factory("memory://")()

    job = await add(first, new_job())

    assert await second.get([job.id]) == [None]


async def test_clock_is_handed_on() -> None:
    clock = SteppedClock()

    assert await store_factory("memory://", clock)().now() == clock()


@pytest.mark.parametrize("name", ["jobs.db", "a b.db", "what?.db"])
async def test_relative_url_is_a_file_beside_where_the_program_started(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make = store_factory(f"sqlite:///{name.replace(' ', '%20').replace('?', '%3F')}")
    monkeypatch.chdir("/")

    store = make()
    await store.open()
    await store.close()

    assert isinstance(store, SqliteStore)
    assert (tmp_path / name).is_file()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:///a%20b%3F.db", "sqlite:///{}/a%20b%3F.db"),
        ("sqlite:///jobs.db?driver=sqlite3", "sqlite:///{}/jobs.db?driver=sqlite3"),
        ("sqlite:////var/jobs.db", "sqlite:////var/jobs.db"),
        ("postgresql://localhost/jobs?schema=mill", "postgresql://localhost/jobs?schema=mill"),
        ("memory://", "memory://"),
    ],
)
def test_whole_url_names_the_store_from_any_directory(
    url: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    found = whole(url)

    assert found == expected.format(tmp_path)
    monkeypatch.chdir("/")
    assert whole(found) == found


async def test_four_slashes_are_a_file_anywhere(tmp_path: Path) -> None:
    store = store_factory(f"sqlite:///{tmp_path}/jobs.db")()
    await store.open()
    await store.close()

    assert (tmp_path / "jobs.db").is_file()


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite://jobs.db",
        "sqlite://host/jobs.db",
        "sqlite:///folder/",
        "sqlite:///jobs.db?mode=ro",
        "sqlite:///jobs.db?driver=",
        "sqlite:///jobs.db?driver=mysql",
        "sqlite:///jobs.db?driver=apsw&driver=sqlite3",
        "sqlite:///jobs.db?driver=sqlite3&mode=ro",
        "sqlite:///jobs.db#1",
        "sqlite:///a%00b",
        "memory://name",
        "memory:///name",
        "memory://?a=b",
        "mysql://localhost/jobs",
        "jobs.db",
        "sqlite://[",
    ],
)
def test_url_that_names_no_store_is_refused_before_anything_is_opened(url: str) -> None:
    with pytest.raises(ConfigError):
        store_factory(url)


@pytest.mark.parametrize(
    ("options", "driver"), [("", "apsw"), ("?driver=apsw", "apsw"), ("?driver=sqlite3", "sqlite3")]
)
def test_driver_is_whose_connections_are_joined(options: str, driver: str) -> None:
    assert store_factory(f"sqlite:///jobs.db{options}")().capabilities.joins == (driver,)


def test_driver_that_is_none_is_named_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match="driver 'mysql'; take apsw or sqlite3"):
        store_factory("sqlite:///jobs.db?driver=mysql")


def test_driver_whose_sqlite_is_too_old_is_refused_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sqlite3.sqlite_version_info", (3, 37, 2))
    monkeypatch.setattr("sqlite3.sqlite_version", "3.37.2")

    with pytest.raises(
        ConfigError, match=r"needs SQLite 3\.38\.0 and this Python has 3\.37\.2: run a Python with a newer"
    ):
        store_factory("sqlite:///jobs.db?driver=sqlite3")


@pytest.mark.slow
def test_driver_is_loaded_only_when_it_is_used() -> None:
    code = "import sys; from workmill.stores.opening import store_factory, whole as f; f('sqlite:///a.db'); f('memory://');"
    code += "print('apsw' in sys.modules)"

    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)

    assert answer.stdout == "False\n"
