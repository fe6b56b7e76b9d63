import asyncio

import pytest

from tests.running.fakes import FailingStore, Kept, Time, new_worker
from workmill.running.keeper import Keeper, Term
from workmill.words.errors import SchemaMismatch, StoreUnavailable
from workmill.words.events import StoreFailing, WorkerLeaseLost, WorkerOrdered
from workmill.words.order import Order


class Scene:
    """A keeper of a lease of 15 s, with everything around it in a test's hand."""

    def __init__(self, worker_id: str = "w1", store: FailingStore | None = None, order: Order = Order.WORK) -> None:
        self.store = store or FailingStore()
        self.time = Time(self.store.clock)
        self.events = Kept()
        self.terms: list[Term] = []
        self.obeyed: list[Order] = []
        self.keeper = Keeper(
            store=self.store,
            worker=new_worker(worker_id),
            emit=self.events.append,
            tell=self.terms.append,
            obey=self.obeyed.append,
            order=order,
            clock=self.time,
            sleep=self.time.sleep,
        )

    def fail(self, verb: str, times: int) -> None:
        self.store.failures[verb] = [StoreUnavailable("gone")] * times

    async def hold_until_renewed(self, times: int) -> None:
        holding = asyncio.create_task(self.keeper.hold())
        async with asyncio.timeout(5):
            while len(self.terms) <= times:  # noqa: ASYNC110 - it is the loop itself that must turn
                await asyncio.sleep(0)
        holding.cancel()
        await asyncio.gather(holding, return_exceptions=True)


async def test_the_term_is_counted_from_before_the_store_was_asked_and_ends_before_the_lease() -> None:
    scene = Scene()
    began = scene.time.now

    await scene.keeper.register()

    assert scene.terms == [scene.keeper.term]
    assert began < scene.terms[0].stop_at < scene.terms[0].over_at < began + 15
    assert scene.keeper.is_sure


async def test_registering_is_repeated_until_the_store_answers() -> None:
    scene = Scene()
    scene.fail("register", 3)

    await scene.keeper.register()

    assert [event.verb for event in scene.events.of(StoreFailing)] == ["register"] * 3
    assert len(await scene.store.workers()) == 1


async def test_registering_does_not_repeat_what_repeating_cannot_cure() -> None:
    scene = Scene()
    scene.store.failures["register"] = [SchemaMismatch("newer")]

    with pytest.raises(SchemaMismatch):
        await scene.keeper.register()


async def test_the_lease_is_renewed_at_once_and_every_third_of_its_length() -> None:
    scene = Scene()
    await scene.keeper.register()

    await scene.hold_until_renewed(4)

    assert set(scene.time.slept) == {5.0}
    assert [later.over_at - sooner.over_at for sooner, later in zip(scene.terms, scene.terms[1:], strict=False)][
        1:
    ] == [5.0] * 3
    assert (await scene.store.workers())[0].is_live


async def test_the_only_worker_leads_from_the_first_renewal_on() -> None:
    scene = Scene()
    await scene.keeper.register()
    assert not scene.keeper.leads.is_on

    await scene.hold_until_renewed(1)

    assert scene.keeper.leads.is_on


async def test_a_second_worker_does_not_lead() -> None:
    first = Scene()
    await first.keeper.register()
    await first.hold_until_renewed(1)
    second = Scene("w2", first.store)
    await second.keeper.register()

    await second.hold_until_renewed(1)

    assert not second.keeper.leads.is_on


async def test_failures_shorter_than_the_margin_do_not_end_the_lease() -> None:
    scene = Scene()
    await scene.keeper.register()
    scene.fail("renew", 4)

    await scene.hold_until_renewed(2)

    assert scene.events.of(WorkerLeaseLost) == []
    assert len(scene.events.of(StoreFailing)) == 4
    assert scene.keeper.is_sure


async def test_a_store_that_stays_away_ends_the_hold_well_before_the_lease_ends() -> None:
    scene = Scene()
    await scene.keeper.register()
    began = scene.time.now
    scene.fail("renew", 10_000)

    await scene.keeper.hold()

    assert began + 15 * 2 / 3 <= scene.time.now < began + 15 * 0.8
    assert [event.worker_id for event in scene.events.of(WorkerLeaseLost)] == ["w1"]
    assert not scene.keeper.leads.is_on
    assert scene.keeper.is_sure, "there is time left to end the jobs"


async def test_a_renewal_that_never_answers_ends_the_hold_in_time() -> None:
    store = FailingStore()
    events = Kept()
    keeper = Keeper(store=store, worker=new_worker(lease=0.3), emit=events.append)
    await keeper.register()

    async def never(_: str) -> None:
        await asyncio.Event().wait()

    store.__dict__["renew"] = never
    async with asyncio.timeout(5):
        await keeper.hold()

    assert events.of(WorkerLeaseLost)


async def test_an_error_nobody_expects_is_one_more_failure() -> None:
    scene = Scene()
    await scene.keeper.register()
    scene.store.failures["renew"] = [OSError("disk"), ValueError()]

    await scene.hold_until_renewed(1)

    assert [event.error for event in scene.events.of(StoreFailing)] == ["disk", "ValueError"]


async def test_a_lease_that_the_store_says_is_over_is_lost_at_once() -> None:
    scene = Scene()
    await scene.keeper.register()
    await scene.store.leave("w1")

    await scene.keeper.hold()

    assert scene.time.slept == []
    assert scene.events.of(WorkerLeaseLost)


async def test_a_worker_that_was_frozen_past_its_term_does_not_even_ask() -> None:
    scene = Scene()
    await scene.keeper.register()
    scene.time.pass_by(14.9)

    await scene.keeper.hold()

    assert "renew" not in scene.store.calls
    assert not scene.keeper.is_sure


async def test_leaving_ends_the_lease() -> None:
    scene = Scene()
    await scene.keeper.register()

    await scene.keeper.leave()

    assert not (await scene.store.workers())[0].is_live


async def test_a_store_that_fails_does_not_keep_a_worker_from_leaving() -> None:
    scene = Scene()
    await scene.keeper.register()
    scene.fail("leave", 1)

    await scene.keeper.leave()

    assert [event.verb for event in scene.events.of(StoreFailing)] == ["leave"]


async def test_an_order_is_obeyed_once_after_the_renewal_that_brings_it() -> None:
    scene = Scene()
    await scene.keeper.register()
    await scene.store.order(["w1"], Order.QUIET)

    await scene.hold_until_renewed(3)
    assert scene.obeyed == [Order.QUIET]

    await scene.store.order(["w1"], Order.WORK)
    await scene.hold_until_renewed(6)
    assert scene.obeyed == [Order.QUIET, Order.WORK]
    assert [event.order for event in scene.events.of(WorkerOrdered)] == scene.obeyed


async def test_a_keeper_that_begins_quiet_tells_the_store_so() -> None:
    scene = Scene(order=Order.QUIET)
    scene.fail("order", 2)

    await scene.keeper.register()

    assert (await scene.store.workers())[0].order is Order.QUIET
    await scene.hold_until_renewed(2)
    assert scene.obeyed == []
    await scene.store.order(["w1"], Order.WORK)
    await scene.hold_until_renewed(4)
    assert scene.obeyed == [Order.WORK]
