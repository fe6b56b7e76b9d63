import subprocess
import sys

import pytest

from workmill.stores.opening import store_factory
from workmill.stores.postgres import PostgresStore
from workmill.stores.postgres.address import read_address
from workmill.words.errors import ConfigError, StoreUnavailable


def test_url_names_server_database_and_schema() -> None:
    address = read_address("postgresql://mill:secret@db.example:6432/jobs?schema=acme_jobs&sslmode=require")

    assert address.schema == "acme_jobs"
    for part in ("user=mill", "password=secret", "host=db.example", "port=6432", "dbname=jobs", "sslmode=require"):
        assert part in address.conninfo.split()
    assert "schema" not in address.conninfo


def test_schema_is_workmill_where_none_is_named() -> None:
    assert read_address("postgresql:///jobs").schema == "workmill"


def test_name_for_people_has_no_password() -> None:
    assert "secret" not in read_address("postgresql://mill:secret@localhost/jobs").name


def test_given_setting_replaces_ours() -> None:
    assert "connect_timeout=2" in read_address("postgresql:///jobs?connect_timeout=2").conninfo.split()


@pytest.mark.parametrize("schema", ["", "Jobs", "a-b", "1a", 'a"; DROP TABLE job; --', "x" * 41, "é"])
def test_schema_that_is_no_plain_name_is_refused(schema: str) -> None:
    with pytest.raises(ConfigError, match="schema="):
        store_factory(f"postgresql:///jobs?schema={schema}")


def test_option_that_libpq_does_not_know_is_refused_without_the_password() -> None:
    with pytest.raises(ConfigError, match="color") as refused:
        store_factory("postgresql://mill:secret@localhost/jobs?color=red")

    assert "secret" not in str(refused.value)


def test_factory_makes_stores_of_this_room() -> None:
    assert isinstance(store_factory("postgresql:///jobs")(), PostgresStore)


async def test_server_that_is_not_there_is_unavailable() -> None:
    store = PostgresStore("postgresql://mill:secret@127.0.0.1:1/jobs")

    with pytest.raises(StoreUnavailable, match="Connection refused") as refused:
        await store.open()

    assert "secret" not in str(refused.value)


def test_without_the_driver_the_url_is_refused_with_the_remedy() -> None:
    code = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from workmill.stores.opening import store_factory\n"
        "try: store_factory('postgresql:///jobs')\n"
        "except Exception as error: print(type(error).__name__, error)"
    )

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert said.startswith("ConfigError")
    assert "workmill[postgres]" in said
