from datetime import timedelta

from workmill.stores.memory import MemoryStore, Vault
from workmill.testing.conformance.making import add, new_job
from workmill.words.policy import Policy
from workmill.words.unique import Uniqueness


async def test_pruned_jobs_take_no_slots() -> None:
    vault = Vault()
    store = MemoryStore(vault)
    for number in range(5):
        job = await add(store, new_job(unique=Uniqueness(name=str(number)), policy=Policy(keep=timedelta(0))))
        await store.cancel([job.id], None)

    assert await store.prune(10) == 5

    assert vault.slots._holders == vault.slots._slots == {}  # noqa: SLF001 - no public name shows the memory it takes
