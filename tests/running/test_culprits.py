import functools

from tests.running.fakes import claimed
from workmill import App
from workmill.running.culprits import codes_of, culprits
from workmill.stores.memory import MemoryStore, Vault
from workmill.testing import FakeClock

CODES = (("add", "/app/tasks.py", "add"), ("sub", "/app/tasks.py", "sub"))


def stack(name: str, file: str = "/app/tasks.py") -> str:
    frames = f'  File "/lib/ctypes.py", line 5 in string_at\n  File "{file}", line 9 in {name}'
    return f"Current thread 0x1 (most recent call first):\n{frames}"


async def test_jobs_of_the_task_that_the_stack_shows_are_guilty() -> None:
    jobs = await claimed(MemoryStore(Vault(), FakeClock()), 2)

    assert culprits(jobs, CODES, stack("add")) == {job.id for job in jobs}
    assert culprits(jobs, CODES, stack("sub")) == frozenset(), "none of these runs it"
    assert culprits(jobs, CODES, stack("add", "/lib/other.py")) == frozenset()
    assert culprits(jobs, CODES, "") == frozenset()


def test_a_task_is_shown_by_its_own_code_whatever_wraps_it() -> None:
    app = App("memory://")

    def inner(number: int) -> int:
        return number

    @functools.wraps(inner)
    def outer(number: int) -> int:
        return inner(number)

    app.task(name="wrapped")(outer)
    app.task(name="plain")(under)

    assert codes_of(app.tasks) == (("plain", __file__, "under"), ("wrapped", __file__, "inner"))


def under() -> None:
    """Be a plain task."""
