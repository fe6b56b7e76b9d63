import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from redis.asyncio.connection import SSLConnection, UnixDomainSocketConnection

from tests.servers.redis import chosen_program, redis_server
from workmill.stores.opening import store_factory, whole
from workmill.stores.redis import RedisStore
from workmill.stores.redis.address import read_address
from workmill.testing.conformance.making import add, new_job
from workmill.testing.conformance.notices import QUEUED, hear, queued_on
from workmill.words.config import store_url
from workmill.words.errors import ConfigError, StoreUnavailable


@pytest.mark.parametrize("scheme", ["redis", "valkey"])
def test_url_names_server_database_and_prefix(scheme: str) -> None:
    address = read_address(f"{scheme}://mill:sec%40ret@cache.example:6380/3?prefix=acme&replicas=2&fsync=1")

    assert address.hosts == (("cache.example", 6380),)
    assert dict(address.options) == {"username": "mill", "password": "sec@ret", "db": 3}
    assert (address.key("meta"), address.replicas, address.syncs) == ("{acme}:meta", 2, True)


def test_what_is_not_said_is_the_usual() -> None:
    address = read_address("redis://")

    assert address.hosts == (("localhost", 6379),)
    assert (address.key("meta"), address.replicas, address.syncs) == ("{workmill}:meta", 0, False)


@pytest.mark.parametrize("scheme", ["rediss", "valkeys"])
def test_tls_is_told_to_the_driver(scheme: str) -> None:
    address = read_address(f"{scheme}://h?ssl_ca_certs=/etc/ca.pem&ssl_check_hostname=false")

    assert address.kind is SSLConnection
    assert dict(address.options) == {"ssl_ca_certs": "/etc/ca.pem", "ssl_check_hostname": False, "db": 0}


@pytest.mark.parametrize("scheme", ["redis+unix", "valkey+unix"])
def test_socket_is_a_path(scheme: str) -> None:
    address = read_address(f"{scheme}://:secret@/run/a%20b.sock?db=2")

    assert address.kind is UnixDomainSocketConnection
    assert dict(address.options) == {"password": "secret", "path": "/run/a b.sock", "db": 2}
    assert address.hosts == ()


def test_sentinels_are_hosts_with_a_service() -> None:
    address = read_address("rediss+sentinel://:secret@one:1,[::1]:2,three/mill/4?sentinel_password=other")

    assert address.hosts == (("one", 1), ("::1", 2), ("three", 26379))
    assert (address.service, address.options["db"]) == ("mill", 4)
    assert dict(address.sentinel_options) == {"ssl": True, "password": "other"}


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("redis://h:secret/0", "no host and port"),
        ("redis://h:99999", "no host and port"),
        ("redis://h/jobs", "the database is 'jobs'"),
        ("redis://h/0/1", "its path says too much"),
        ("redis+unix://h/run/x.sock", "names no socket"),
        ("redis+unix://", "names no socket"),
        ("redis+unix:///run/x.sock?db=x", "db"),
        ("redis+sentinel://h:1", "names no service"),
        ("redis://h?color=red", "'color' is no option"),
        ("redis://h?prefix=a/b", "prefix='a/b'"),
        ("redis://h?prefix=", "prefix=''"),
        ("redis://h?replicas=-1", "replicas is '-1'"),
        ("redis://h?fsync=yes", "fsync is 'yes'"),
        ("redis://h?prefix=a&prefix=b", "given twice"),
        ("redis://h?ssl_cert_reqs=none", "begin with rediss://"),
        ("rediss://h?ssl_cert_reqs=maybe", "maybe"),
        ("redis://h#x", "fragment"),
        ("redis://:pass/word@h", "%2F"),
    ],
)
def test_url_that_says_what_it_must_not_is_refused(url: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as refused:
        store_factory(url)

    assert "pass/word" not in str(refused.value)


def test_factory_makes_stores_of_this_room() -> None:
    assert isinstance(store_factory("valkey://localhost/1")(), RedisStore)
    assert store_url("redis://h", {}) == whole("redis://h") == "redis://h"


async def test_server_that_is_not_there_is_unavailable() -> None:
    store = RedisStore("redis://mill:secret@127.0.0.1:1/0")

    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:1") as refused:
        await store.open()

    assert "secret" not in str(refused.value)


async def test_store_behind_a_unix_socket(tmp_path: Path) -> None:
    place = tmp_path / "a b.sock"
    with redis_server(chosen_program(), settings={"unixsocket": f'"{place}"'}):
        store = RedisStore(f"valkey+unix://{quote(str(place))}?db=3")
        await store.open()
        async with store.listen(QUEUED) as ear:
            await hear(ear, queued_on("default"))
            await add(store, new_job(queue="new"))

            await hear(ear, queued_on("new"))
        await store.close()


@pytest.mark.parametrize("library", ["redis", "msgpack"])
def test_without_the_driver_the_url_is_refused_with_the_remedy(library: str) -> None:
    code = (
        f"import sys; sys.modules[{library!r}] = None\n"
        "from workmill.stores.opening import store_factory\n"
        "try: store_factory('redis://localhost')\n"
        "except Exception as error: print(type(error).__name__, error)"
    )

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert said.startswith("ConfigError")
    assert "workmill[redis]" in said
