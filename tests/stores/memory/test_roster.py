from datetime import UTC, datetime, timedelta

from workmill.stores.memory.roster import Roster
from workmill.testing.conformance.making import LEASE, new_worker

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def test_old_workers_take_no_memory() -> None:
    roster = Roster()
    for day in range(30):
        roster.register(new_worker(), NOW + timedelta(days=day))
        roster.forget(NOW + timedelta(days=day))

    assert len(roster._leases) <= 2  # noqa: SLF001 - no public name shows the memory it takes


def test_live_worker_is_not_forgotten() -> None:
    roster, worker = Roster(), new_worker()
    roster.register(worker, NOW)

    roster.forget(NOW + LEASE / 2)

    assert roster.is_live(worker.id, NOW + LEASE / 2)
