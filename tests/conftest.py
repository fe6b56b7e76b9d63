"""What holds for every test: the loop's kind, hypothesis without chance, and tests that need the machine alone."""

import fcntl
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from hypothesis import settings

from tests.servers.harness import PostgresHarness
from tests.servers.postgres import chosen_server
from tests.servers.redis import chosen_redis
from tests.servers.redis_harness import RedisHarness

# Under nohup, or in the background of a script, a run inherits that these are ignored, and hands it on to every worker
# that it starts: those would not hear of them either.
for each in (signal.SIGHUP, signal.SIGQUIT):
    signal.signal(each, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("workmill", deadline=None, derandomize=True, database=None)
settings.load_profile("workmill")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run every `async def test_…` on asyncio; none needs a marker."""
    return "asyncio"


@pytest.fixture(scope="session")
def shared_by_workers(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Give the one folder that all of this run's test processes share."""
    own = tmp_path_factory.getbasetemp()
    return own if worker_id == "master" else own.parent


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Give the URL of a database on a server of this run's own, or on the one that WORKMILL_TEST_POSTGRES names."""
    with chosen_server() as url:
        yield url


@pytest.fixture(scope="session")
def redis() -> Iterator[str]:
    """Give the URL of a database on a server of this run's own, or on the one that WORKMILL_TEST_REDIS names."""
    with chosen_redis() as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Give the URL of a store in a file of this test's own."""
    return f"sqlite:///{tmp_path}/jobs.db"


@pytest.fixture
def postgresql_url(postgres: str) -> Iterator[str]:
    """Give the URL of a store in a schema of this test's own."""
    harness = PostgresHarness(postgres)
    yield harness.url
    harness.drop()


@pytest.fixture
def redis_url(redis: str) -> Iterator[str]:
    """Give the URL of a store under a prefix of this test's own."""
    harness = RedisHarness(redis)
    yield harness.url
    harness.drop()


@pytest.fixture(params=["sqlite", "postgresql", "redis"])
def shared_url(request: pytest.FixtureRequest) -> str:
    """Give the URL of a store that any number of processes share: the test runs on each of them."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture(autouse=True)
def _alone_or_beside_others(request: pytest.FixtureRequest, shared_by_workers: Path) -> Iterator[None]:
    """Let a test marked `alone` run while no other test process runs one.

    Every test holds the room shared, one marked `alone` holds it for itself. The gate before the room makes it fair:
    who waits for the room holds the gate, so that those who come later cannot keep a test marked `alone` out for ever.
    """
    alone = request.node.get_closest_marker("alone") is not None
    with ExitStack() as stack:
        with locked(shared_by_workers / "gate.lock", fcntl.LOCK_EX):
            room = locked(shared_by_workers / "room.lock", fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            stack.enter_context(room)
        yield


@contextmanager
def locked(path: Path, kind: int) -> Iterator[None]:
    # A lock ends with its holder, however that ends, so nothing here can wait for the dead.
    with path.open("w") as handle:
        fcntl.flock(handle, kind)
        yield
