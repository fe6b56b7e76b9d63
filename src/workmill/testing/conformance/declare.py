"""What code declares of rules and schedules, beside what is set by hand."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from workmill.store import Declaration, RuleState, Store
from workmill.testing.conformance.fixtures import Another
from workmill.testing.conformance.harness import Harness
from workmill.testing.conformance.limits import claimed, everything, gated, limited, of_key, of_queue, of_task
from workmill.testing.conformance.making import SECOND, add, end, hired, new_job, running, settle
from workmill.testing.conformance.notices import QUEUED, earlier, hear, listening, queued_on
from workmill.testing.conformance.rates import MINUTE
from workmill.testing.conformance.schedules import HOUR, known, new_schedule, plan, put
from workmill.words.limit import Rate, Rule, Scope
from workmill.words.schedule import Overlap, Schedule


async def declare(store: Store, *rules: Rule) -> None:
    """Declare rules, as an application's code does."""
    await store.declare(Declaration(rules=rules))


async def in_force(store: Store) -> list[Rule]:
    """Return the rules in force."""
    return [state.rule for state in await store.rules()]


@pytest.mark.anyio
class TestDeclareRules:
    """A declared rule is in force unless one was set by hand."""

    @pytest.mark.parametrize("rule", [of_queue(1), of_task(1), of_key(1)], ids=["queue", "task", "key"])
    async def test_declared_rule_holds(self, store: Store, another: Another, rule: Rule) -> None:
        await declare(await another(), rule)
        worker_id = await hired(store)
        await store.enqueue([gated("a"), gated("a")])

        assert await store.rules() == [RuleState(rule=rule, declared=rule, running=0)]
        assert len(await claimed(store, worker_id)) == 1

    async def test_all_that_a_rule_says_is_kept(self, store: Store, another: Another) -> None:
        rules = [
            Rule(scope=Scope.KEY, name="tenant", running=0, rate=Rate(3, timedelta(microseconds=1))),
            Rule(scope=Scope.QUEUE, name="default", running=2, rate=Rate(10**6, timedelta(days=400)), waiting=0),
            Rule(scope=Scope.QUEUE, name="½ 'q' 🏭", waiting=10**9),
            Rule(scope=Scope.TASK, name="resize", rate=Rate(1, 0.5)),
        ]

        await declare(store, *rules)

        assert await (await another()).rules() == [RuleState(rule=rule, declared=rule, running=0) for rule in rules]

    async def test_to_repeat_it_changes_nothing(self, store: Store) -> None:
        rules = [of_queue(1), of_task(2), of_key(3)]
        await declare(store, *rules)
        before = await store.rules()

        await declare(store, *rules)

        assert await store.rules() == before

    async def test_to_repeat_it_does_not_forget_what_a_rate_counted(self, store: Store) -> None:
        rule = Rule(scope=Scope.TASK, name="resize", rate=Rate(1, MINUTE))
        await declare(store, rule)
        await running(store)
        await add(store, new_job())

        await declare(store, rule)

        assert await claimed(store, await hired(store)) == []

    async def test_it_takes_the_place_of_the_one_declared_before(self, store: Store) -> None:
        await declare(store, Rule(scope=Scope.QUEUE, name="default", running=1, waiting=5), of_task(1))

        await declare(store, of_queue(4))

        assert await store.rules() == [
            RuleState(rule=of_queue(4), declared=of_queue(4), running=0),
            RuleState(rule=of_task(1), declared=of_task(1), running=0),
        ]

    async def test_what_is_not_named_is_left_alone(self, store: Store) -> None:
        await declare(store, of_queue(1))
        await declare(store, of_task(2))
        await store.declare(Declaration())

        assert await in_force(store) == [of_queue(1), of_task(2)]

    async def test_names_of_scopes_are_apart(self, store: Store) -> None:
        await declare(store, of_queue(1, "a"), of_task(2, "a"), of_key(3, "a"))

        assert await in_force(store) == [of_key(3, "a"), of_queue(1, "a"), of_task(2, "a")]

    async def test_rule_set_by_hand_stays_in_force(self, store: Store) -> None:
        await declare(store, of_task(1))
        await store.set_rules([of_task(5)])

        await declare(store, of_task(2))

        assert await store.rules() == [RuleState(rule=of_task(5), declared=of_task(2), running=0)]

    async def test_reset_brings_back_what_code_declares_now(self, store: Store) -> None:
        await declare(store, of_task(1))
        await store.set_rules([of_task(0)])
        await declare(store, of_task(2))
        worker_id = await hired(store)
        await store.enqueue([gated("a") for _ in range(3)])
        early = await claimed(store, worker_id)

        await store.reset_rules([(Scope.TASK, "resize")])

        assert early == []
        assert await store.rules() == [RuleState(rule=of_task(2), declared=of_task(2), running=0)]
        assert len(await claimed(store, worker_id)) == 2

    async def test_rule_set_by_hand_may_lift_a_declared_one(self, store: Store) -> None:
        await declare(store, of_task(1))
        worker_id = await limited(store, of_task(None))
        await store.enqueue([gated("a") for _ in range(3)])

        assert await store.rules() == [RuleState(rule=of_task(None), declared=of_task(1), running=0)]
        assert len(await claimed(store, worker_id)) == 3

    async def test_rule_set_by_hand_says_all_there_is(self, store: Store) -> None:
        await declare(store, Rule(scope=Scope.QUEUE, name="default", running=1, waiting=1))

        await store.set_rules([Rule(scope=Scope.QUEUE, name="default", rate=Rate(5, MINUTE))])

        worker_id = await hired(store)
        await store.enqueue([new_job() for _ in range(9)])
        assert len(await claimed(store, worker_id)) == 5

    async def test_declared_rule_counts_what_runs_already(self, store: Store) -> None:
        worker_id = await hired(store)
        await store.enqueue([gated("a") for _ in range(4)])
        first = await store.claim(everything(worker_id, 2))

        await declare(store, of_key(1))

        early = await claimed(store, worker_id)
        await settle(store, *(end(job) for job in first))
        assert early == []
        assert len(await claimed(store, worker_id)) == 1

    async def test_more_room_is_told(self, store: Store, another: Another) -> None:
        await earlier(another, lambda early: declare(early, of_task(0)))
        await earlier(another, lambda early: add(early, new_job(queue="held")))
        async with listening(store, QUEUED) as ear:
            await declare(store, of_task(1))

            await hear(ear, queued_on("held"))

    async def test_many_declare_at_the_same_time(self, store: Store, another: Another) -> None:
        stores = [store, await another(), await another()]
        rules = [of_queue(1), of_task(2), of_key(3)]
        schedule = new_schedule(await store.now() + HOUR)

        async with asyncio.timeout(60):
            await asyncio.gather(
                *(
                    stores[n % 3].declare(
                        Declaration(rules=tuple(rules if n % 2 else rules[::-1]), schedules=(schedule,))
                    )
                    for n in range(12)
                )
            )

        assert await in_force(store) == [of_key(3), of_queue(1), of_task(2)]
        (stored,), _ = await store.schedules(limit=10, cursor=None)
        assert stored.plan == schedule.plan


async def declared(store: Store, *, args: bytes = b"{}", after: timedelta = HOUR, is_active: bool = True) -> Schedule:
    """Declare the nightly schedule with these arguments, and return it as stored then."""
    new = new_schedule(await store.now() + after, made=plan(args=args), is_active=is_active)
    await store.declare(Declaration(schedules=(new,)))
    return await known(store)


@pytest.mark.anyio
class TestDeclareSchedules:
    """A declared schedule is stored as given where there is none; later only what code changes is changed."""

    async def test_new_one_is_stored_as_given(self, store: Store) -> None:
        now = await store.now()

        schedule = await declared(store)

        assert (schedule.plan, schedule.next_at) == (plan(), now + HOUR)
        assert (schedule.is_declared, schedule.is_active) == (True, True)
        assert (schedule.last_at, schedule.last_job) == (None, None)
        assert (schedule.created_at, schedule.changed_at) == (now, now)

    async def test_new_one_that_is_not_active_is_stored_so(self, store: Store) -> None:
        schedule = await declared(store, is_active=False)

        assert (schedule.is_active, schedule.next_at) == (False, None)
        assert (await store.due(10)).schedules == ()

    async def test_to_repeat_it_changes_nothing(self, store: Store, harness: Harness) -> None:
        before = await declared(store)
        await harness.advance(SECOND)

        assert await declared(store, after=2 * HOUR) == before

    async def test_changed_plan_takes_the_place_of_the_one_declared_before(
        self, store: Store, harness: Harness
    ) -> None:
        before = await declared(store)
        await harness.advance(SECOND)

        after = await declared(store, args=b'{"n":1}', after=2 * HOUR)

        assert after.plan == plan(args=b'{"n":1}')
        assert (after.is_active, after.next_at) == (True, await store.now() + 2 * HOUR)
        assert after.version > before.version
        assert (after.created_at, after.changed_at) == (before.created_at, await store.now())

    async def test_whatever_of_the_plan_changes_is_a_change(self, store: Store) -> None:
        await declared(store)
        changed = replace(plan(), overlap=Overlap.QUEUE)

        await store.declare(Declaration(schedules=(new_schedule(await store.now() + HOUR, made=changed),)))

        assert (await known(store)).plan == changed

    async def test_changed_plan_of_one_that_was_stopped_stays_stopped(self, store: Store) -> None:
        await declared(store)
        await store.stop_schedule("nightly")

        after = await declared(store, args=b'{"n":1}')

        assert after.plan == plan(args=b'{"n":1}')
        assert (after.is_active, after.next_at) == (False, None)

    async def test_to_repeat_it_leaves_a_stopped_one_stopped(self, store: Store) -> None:
        await declared(store)
        before = await store.stop_schedule("nightly")

        assert await declared(store) == before

    async def test_to_repeat_it_leaves_what_a_person_edited(self, store: Store) -> None:
        await declared(store)
        edited = await put(store, plan(args=b'{"by":"hand"}'))

        after = await declared(store)

        assert after == edited
        assert after.is_declared

    async def test_changed_plan_takes_the_place_of_what_a_person_edited(self, store: Store) -> None:
        await declared(store)
        await put(store, plan(args=b'{"by":"hand"}'))

        assert (await declared(store, args=b'{"n":1}')).plan == plan(args=b'{"n":1}')

    async def test_it_takes_the_place_of_one_made_at_run_time(self, store: Store) -> None:
        made = await put(store, plan(args=b'{"by":"hand"}'))

        after = await declared(store)

        assert (made.is_declared, after.is_declared) == (False, True)
        assert (after.plan, after.created_at) == (plan(), made.created_at)

    async def test_deleted_one_is_stored_anew(self, store: Store) -> None:
        before = await declared(store)
        await store.delete_schedules(["nightly"])

        after = await declared(store)

        assert after.plan == before.plan
        assert after.version > before.version

    async def test_what_is_not_named_is_left_alone(self, store: Store) -> None:
        before = await declared(store)

        await store.declare(Declaration(rules=(of_task(1),)))

        assert await known(store) == before
