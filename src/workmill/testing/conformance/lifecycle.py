"""Opening, closing, and what a store says about itself."""

import asyncio
from datetime import UTC, timedelta

import pytest

from workmill.store import Level, Store
from workmill.testing.conformance.fixtures import Another
from workmill.testing.conformance.harness import Harness
from workmill.testing.conformance.making import SECOND, add, new_job, stored


@pytest.mark.anyio
class TestLifecycle:
    """A store can be opened by many at once and closed again and again."""

    async def test_many_open_a_new_database_at_once(self, another: Another) -> None:
        async with asyncio.timeout(60):
            stores = await asyncio.gather(*(another() for _ in range(5)))

        job = await add(stores[0], new_job())
        assert [await stored(store, job.id) for store in stores] == [job] * 5

    async def test_closing_again_is_no_error(self, harness: Harness) -> None:
        store = await harness.make()

        await store.close()
        await store.close()

    async def test_closing_waits_for_what_is_under_way(self, store: Store, harness: Harness) -> None:
        closing, new = await harness.make(), new_job()
        under_way = asyncio.create_task(closing.enqueue([new]))
        await asyncio.sleep(0)

        await closing.close()

        async with asyncio.timeout(30):
            (enqueued,) = await under_way
        assert enqueued.created
        assert await stored(store, new.id) == enqueued.job

    async def test_closing_one_store_leaves_the_others_open(self, store: Store, harness: Harness) -> None:
        closing = await harness.make()
        job = await add(closing, new_job())

        await closing.close()

        assert await stored(store, job.id) == job

    async def test_jobs_are_there_when_it_is_opened_again(self, harness: Harness) -> None:
        first = await harness.make()
        job = await add(first, new_job(key="a"))
        await first.close()

        second = await harness.make()

        assert await stored(second, job.id) == job
        (again,) = await second.enqueue([new_job(key="a")])
        assert not again.created
        await second.close()

    async def test_now_is_the_stores_moment_in_utc(self, store: Store, harness: Harness) -> None:
        before = await store.now()
        await harness.advance(timedelta(days=1) + SECOND)

        after = await store.now()

        assert after - before >= timedelta(days=1) + SECOND
        assert after.tzinfo is UTC

    async def test_clock_is_one_for_all_stores(self, store: Store, another: Another, harness: Harness) -> None:
        other = await another()
        await harness.advance(SECOND)

        assert abs(await other.now() - await store.now()) < SECOND


@pytest.mark.anyio
class TestSelfDescription:
    """A store says what it can do and how it is."""

    async def test_capabilities_say_what_a_returned_enqueue_survives(self, store: Store) -> None:
        assert store.capabilities.name
        assert store.capabilities.durability.endswith(".")

    async def test_what_crosses_processes_is_tested_across_them(self, store: Store, harness: Harness) -> None:
        assert store.capabilities.crosses_processes == (harness.opener() is not None)

    async def test_every_finding_that_is_not_well_has_a_remedy(self, store: Store) -> None:
        findings = await store.diagnose()

        assert findings
        for finding in findings:
            assert finding.subject
            assert finding.detail
            assert finding.level is Level.OK or finding.remedy

    async def test_new_store_is_not_failing(self, store: Store) -> None:
        assert [finding for finding in await store.diagnose() if finding.level is Level.FAIL] == []
