"""The options that make rules: what of them is refused, and what jobs bear of them."""

from datetime import timedelta
from typing import Any

import pytest

from workmill import (
    App,
    InvalidArguments,
    InvalidOption,
    JobState,
    Limit,
    Needs,
    NewJob,
    OnConflict,
    Rate,
    Rule,
    Scope,
    Unique,
)
from workmill.craft.declaring import no_longer_said, rules_of
from workmill.words.limit import Gate
from workmill.words.unique import UNFINISHED

AN_ID = "01928c3e-0000-7000-8000-000000000001"


def mail(tenant: str, size: float = 1, tags: list[str] | None = None) -> None: ...


def name_of(job: NewJob) -> str:
    assert job.unique is not None
    return job.unique.name


def test_a_task_without_rules_makes_jobs_without_any(app: App) -> None:
    job = app.task(mail).job("acme")

    assert (job.unique, job.after, job.ties, job.policy.expires) == (None, None, None, None)


def test_jobs_are_alike_by_all_arguments_with_their_defaults(app: App) -> None:
    task = app.task(unique=Unique())(mail)

    names = {name_of(task.job("a")), name_of(task.job("a", 1)), name_of(task.job("a", size=1.0))}
    assert len(names) == 1
    assert names.isdisjoint({name_of(task.job("a", 2)), name_of(task.job("b")), name_of(task.job("a", tags=["x"]))})


def test_jobs_are_alike_by_chosen_arguments(app: App) -> None:
    task = app.task(unique=Unique(by=("tenant",)))(mail)

    assert name_of(task.job("a", 1)) == name_of(task.job("a", 2)) != name_of(task.job("b", 1))


def test_any_two_jobs_are_alike_by_no_arguments(app: App) -> None:
    task = app.task(unique=Unique(by=()))(mail)

    assert name_of(task.job("a", 1)) == name_of(task.job("b", 2))


def test_jobs_are_alike_by_a_key(app: App) -> None:
    task = app.task(unique=Unique(key="{tenant}/{size}"))(mail)

    assert name_of(task.job("a", 2)) == "key:a/2.0"


def test_what_stands_in_the_way_is_what_is_not_over(app: App) -> None:
    job = app.task(unique=Unique())(mail).job("a")

    assert job.unique is not None
    assert (job.unique.states, job.unique.within, job.unique.on_conflict) == (UNFINISHED, None, OnConflict.REJECT)


def test_a_window_alone_counts_jobs_in_any_state(app: App) -> None:
    job = app.task(unique=Unique(within=60, on_conflict="skip"))(mail).job("a")

    assert job.unique is not None
    assert (job.unique.states, job.unique.within) == (tuple(JobState), timedelta(seconds=60))
    assert job.unique.on_conflict is OnConflict.SKIP


def test_one_call_can_be_unique(app: App) -> None:
    task = app.task(mail)

    chosen = task.using(unique=Unique(by=(), states=["queued"])).job("a").unique
    assert chosen is not None
    assert chosen.states == (JobState.QUEUED,)
    assert task.job("a").unique is None


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"by": "tenant"}, "unique.by"),
        ({"by": (5,)}, "unique.by"),
        ({"by": (), "key": "{a}"}, "unique.key"),
        ({"key": "a"}, "unique.key"),
        ({"states": ()}, "unique.states"),
        ({"states": "queued"}, "unique.states"),
        ({"states": ("done",)}, "unique.states"),
        ({"within": 0}, "unique.within"),
        ({"within": "x"}, "unique.within"),
        ({"on_conflict": "ignore"}, "unique.on_conflict"),
    ],
)
def test_a_uniqueness_that_cannot_be_is_refused(options: dict[str, Any], option: str) -> None:
    with pytest.raises(InvalidOption) as raised:
        Unique(**options)

    assert raised.value.option == option


@pytest.mark.parametrize("unique", [Unique(by=("user",)), Unique(key="{user}"), True])
def test_a_uniqueness_by_what_the_task_does_not_take_is_refused(app: App, unique: Any) -> None:
    with pytest.raises(InvalidOption):
        app.task(unique=unique)(mail)
    with pytest.raises(InvalidOption):
        app.task(name="other")(mail).using(unique=unique)
    assert list(app.tasks) == ["other"]


def test_limits_become_rules_and_gates(app: App) -> None:
    rate = Rate(10, per=60)
    task = app.task(
        limit=[Limit(5), Limit(2, key="{tenant}"), Limit(rate=rate, key="{tenant}:{size}", name="tenants")], rate=rate
    )(mail)

    assert set(task.limits.rules) == {
        Rule(scope=Scope.TASK, name="mail", running=5, rate=rate),
        Rule(scope=Scope.KEY, name="mail.tenant", running=2),
        Rule(scope=Scope.KEY, name="tenants", rate=rate),
    }
    ties = task.job("acme").ties
    assert ties is not None
    assert ties.gates == (Gate(name="mail.tenant", key="acme"), Gate(name="tenants", key="acme:1"))


def test_a_number_limits_the_task_as_a_whole(app: App) -> None:
    task = app.task(limit=0)(mail)

    assert task.limits.rules == (Rule(scope=Scope.TASK, name="mail", running=0),)
    assert task.job("a").ties is None


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"limit": -1}, "limit.running"),
        ({"limit": True}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"limit": [Limit(1), Limit(2)]}, "limit.running"),
        ({"limit": Limit(rate=Rate(1, per=1)), "rate": Rate(2, per=1)}, "limit.rate"),
        ({"limit": Limit(1, key="{user}")}, "limit.key"),
        ({"limit": [Limit(1, key="{tenant}", name="t"), Limit(2, key="{size}", name="t")]}, "limit.running"),
        (
            {"limit": [Limit(1, key="{tenant}", name="t"), Limit(rate=Rate(1, per=1), key="{size}", name="t")]},
            "limit.name",
        ),
        ({"rate": 5}, "limit.rate"),
        ({"expires": 0}, "expires"),
        ({"expires": -1}, "expires"),
    ],
)
def test_a_limit_that_cannot_be_is_refused(app: App, options: dict[str, Any], option: str) -> None:
    with pytest.raises(InvalidOption) as raised:
        app.task(**options)(mail)

    assert raised.value.option == option
    assert not app.tasks


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"running": -1},
        {"running": 1.5},
        {"running": 1, "name": "x"},
        {"running": 1, "key": "{a}", "name": "no name"},
    ],
)
def test_limits_by_themselves_are_checked(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption):
        Limit(**options)


@pytest.mark.parametrize("options", [(0, 1), (True, 1), (1, 0), (1, -1), (1, "x")])
def test_a_rate_has_a_count_and_a_length(options: tuple[Any, Any]) -> None:
    with pytest.raises(InvalidOption):
        Rate(options[0], per=options[1])


def test_tasks_share_a_limit_by_its_name_and_must_agree(app: App) -> None:
    app.task(limit=Limit(2, key="{tenant}", name="tenants"))(mail)
    app.task(name="post", limit=Limit(2, key="{tenant}", name="tenants"))(mail)

    assert rules_of(app.tasks) == (Rule(scope=Scope.KEY, name="tenants", running=2),)
    with pytest.raises(InvalidOption, match="task 'mail'"):
        app.task(name="call", limit=Limit(3, key="{tenant}", name="tenants"))(mail)
    assert "call" not in app.tasks


def test_what_code_says_no_longer_is_taken_back(app: App) -> None:
    app.task(mail)
    app.task(name="kept", limit=1)(mail)
    told = {name: Rule(scope=Scope.TASK, name=name, running=3) for name in ("mail", "kept", "of another application")}

    assert no_longer_said(app.tasks, told) == (Rule(scope=Scope.TASK, name="mail"),)
    assert no_longer_said(app.tasks, {"mail": Rule(scope=Scope.TASK, name="mail")}) == ()


def test_a_key_that_cannot_be_made_refuses_the_call(app: App) -> None:
    task = app.task(limit=Limit(1, key="{tags}"))(mail)

    with pytest.raises(InvalidArguments) as raised:
        task.job("a", tags=["x"])
    assert raised.value.errors[0].pointer == "#/tags"


def test_a_job_follows_jobs_of_whatever_form(app: App) -> None:
    task = app.task(mail)
    one, other = task.job("a"), task.enqueue("b")

    after = task.using(after=[one, other, other.record, AN_ID.upper()], needs="end").job("c").after
    assert after is not None
    assert (after.jobs, after.needs) == ((one.id, other.id, AN_ID), Needs.END)
    alone = task.using(after=other).job("d").after
    assert alone is not None
    assert (alone.jobs, alone.needs) == ((other.id,), Needs.SUCCESS)


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"after": "x"}, "after"),
        ({"after": [5]}, "after"),
        ({"needs": "end"}, "needs"),
        ({"after": AN_ID, "needs": "luck"}, "needs"),
        ({"wait": -1}, "wait"),
        ({"wait": 1, "connection": object()}, "wait"),
        ({"expires": 0}, "expires"),
    ],
)
def test_an_option_of_one_call_that_cannot_be_is_refused(app: App, options: dict[str, Any], option: str) -> None:
    with pytest.raises(InvalidOption) as raised:
        app.task(mail).using(**options)

    assert raised.value.option == option


def test_too_many_jobs_at_once_are_refused(app: App) -> None:
    job = app.task(mail).job("a")

    with pytest.raises(InvalidOption, match="50,000 of them"):
        app.enqueue_many([job] * 50_001)
    with pytest.raises(InvalidOption, match="wait"):
        app.enqueue_many([job], connection=object(), wait=1)
