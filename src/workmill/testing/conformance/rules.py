"""Rules that are set by hand and declared by code: which holds when."""

import pytest

from workmill.store import RuleState, Store
from workmill.testing.conformance.fixtures import Another
from workmill.testing.conformance.limits import claimed, everything, gated, limited, of_key, of_queue, of_task
from workmill.testing.conformance.making import (
    end,
    new_job,
    new_jobs,
    settle,
    stored,
)
from workmill.words.job import JobState
from workmill.words.limit import Rule, Scope


@pytest.mark.anyio
class TestRulesByHand:
    """A rule that is set takes the place of what is in force, at once, until it is reset."""

    async def test_higher_limit_lets_more_begin_at_once(self, store: Store, another: Another) -> None:
        other = await another()
        worker_id = await limited(store, of_key(1))
        await store.enqueue([gated("a") for _ in range(5)])
        first = await claimed(other, worker_id)

        await store.set_rules([of_key(3)])

        assert (len(first), len(await claimed(other, worker_id))) == (1, 2)

    async def test_lower_limit_lets_what_runs_go_on(self, store: Store) -> None:
        worker_id = await limited(store, of_key(3))
        await store.enqueue([gated("a") for _ in range(5)])
        jobs = await store.claim(everything(worker_id))

        await store.set_rules([of_key(1)])

        shares = []
        for job in jobs:
            assert (await stored(store, job.id)).state is JobState.RUNNING
            shares.append(len(await claimed(store, worker_id)))
            await settle(store, end(job))
        assert shares == [0, 0, 0]
        assert len(await claimed(store, worker_id)) == 1

    async def test_what_is_not_said_any_more_does_not_hold(self, store: Store) -> None:
        worker_id = await limited(store, Rule(scope=Scope.QUEUE, name="default", running=0, waiting=3))
        await store.enqueue(new_jobs(3))

        await store.set_rules([Rule(scope=Scope.QUEUE, name="default", running=1)])

        await store.enqueue(new_jobs(3))
        assert len(await claimed(store, worker_id)) == 1

    async def test_reset_leaves_nothing_where_nothing_is_declared(self, store: Store) -> None:
        worker_id = await limited(store, of_queue(0), of_task(0), of_key(0))
        await store.enqueue([gated("a") for _ in range(3)])

        await store.reset_rules([(Scope.QUEUE, "default"), (Scope.TASK, "resize"), (Scope.KEY, "tenant")])

        assert await store.rules() == []
        assert len(await claimed(store, worker_id)) == 3

    async def test_reset_of_what_was_not_set_is_no_error(self, store: Store) -> None:
        await store.set_rules([of_task(1)])
        before = await store.rules()

        await store.reset_rules([(Scope.QUEUE, "resize"), (Scope.KEY, "unknown")])

        assert await store.rules() == before

    async def test_rules_in_force_are_listed_by_scope_and_name(self, store: Store, another: Another) -> None:
        rules = [of_task(2, "b"), of_task(1, "a"), of_queue(4, "b"), of_queue(5, "B"), of_key(6, "½"), of_key(7, "_a")]
        await store.set_rules(rules)

        listed = await (await another()).rules()

        ordered = sorted(rules, key=lambda rule: (rule.scope, rule.name))
        assert listed == [RuleState(rule=rule, declared=None, running=0) for rule in ordered]

    async def test_last_of_two_in_one_call_holds(self, store: Store) -> None:
        await store.set_rules([of_task(1), of_task(2)])

        assert [state.rule for state in await store.rules()] == [of_task(2)]

    async def test_listed_rules_say_how_many_run(self, store: Store) -> None:
        worker_id = await limited(store, of_queue(9), of_task(9), of_key(9), of_key(9, "tenant2"))
        await store.enqueue([gated("a"), gated("a", "x"), gated("b"), new_job(task="other"), new_job(queue="x")])
        jobs = await store.claim(everything(worker_id))
        before = [state.running for state in await store.rules()]

        await settle(store, end(jobs[0]))

        assert before == [3, 1, 4, 4]
        assert [state.running for state in await store.rules()] == [2, 1, 3, 3]

    async def test_none_set_and_none_reset_change_nothing(self, store: Store) -> None:
        await store.set_rules([of_task(1)])
        await store.set_rules([])
        await store.reset_rules([])

        assert [state.rule for state in await store.rules()] == [of_task(1)]
