"""What holds inside a Django project; run by `test_django.py` in a process of its own, as Django is set up once."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.db import connection, transaction
from django.db.utils import ConnectionHandler
from django.test import AsyncClient, Client, override_settings
from django.utils import timezone
from django_tasks import TaskResultStatus
from django_tasks.exceptions import InvalidTaskError, TaskResultDoesNotExist
from django_tasks.signals import task_enqueued, task_finished, task_started
from shop.letters.tasks import fail, times, twice
from shop.tasks import count_users, count_users_awaited, is_connected, outlive_a_connection

from workmill import ConfigError, JobNotFound
from workmill.contrib.django import mill, settings
from workmill.contrib.django.settings import application
from workmill.contrib.django.transactions import enqueue_with


@pytest.fixture(scope="session", autouse=True)
def database() -> Iterator[None]:
    mill.now()
    call_command("migrate", verbosity=0)
    yield
    mill.close()
    connection.close()


@contextmanager
def rolled_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def client_of(*rights: str) -> Client:
    user = User.objects.create(username=f"user {User.objects.count()}")
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="workmill", codename__in=rights))
    client = Client()
    client.force_login(user)
    return client


def run(client: Client) -> Any:
    return client.post("/our/jobs/v1/tasks/count_users/jobs", "{}", content_type="application/json")


def test_tasks_are_found_and_jobs_are_in_the_default_database() -> None:
    job = count_users.enqueue(extra=1)

    mill.drain()

    assert mill.url.endswith("?driver=sqlite3")
    assert {"count_users", "shop.letters.tasks.twice"} <= mill.tasks.keys()
    assert job.refresh().outcome() == User.objects.count() + 1


def test_a_coroutine_uses_the_database() -> None:
    job = count_users_awaited.enqueue()

    mill.drain()

    assert job.refresh().outcome() == User.objects.count()


def test_a_connection_that_is_too_old_is_closed_after_the_attempt() -> None:
    outlive_a_connection.enqueue()
    job = is_connected.enqueue()

    mill.drain()

    assert job.refresh().outcome() is False


def test_the_project_passes_its_checks() -> None:
    call_command("check")


@pytest.mark.parametrize(
    ("rights", "codes"),
    [
        ((), (403, 403, 403)),
        (("view",), (200, 200, 403)),
        (("operate",), (200, 200, 202)),
        (("admin",), (200, 200, 202)),
    ],
)
def test_rights_say_who_may_do_what(rights: tuple[str, ...], codes: tuple[int, ...]) -> None:
    client = client_of(*rights)

    answers = client.get("/our/jobs/tasks"), client.get("/our/jobs/v1/tasks"), run(client)

    assert tuple(each.status_code for each in answers) == codes
    if rights:
        assert b'href="/our/jobs/jobs' in answers[0].content


def test_who_is_not_logged_in_is_sent_to_log_in_and_the_api_just_refuses() -> None:
    page = Client().get("/our/jobs/jobs?state=failed")

    assert (page.status_code, page["Location"]) == (302, "/accounts/login/?next=/our/jobs/jobs%3Fstate%3Dfailed")
    assert Client().get("/our/jobs/v1/tasks").status_code == 403


def test_the_host_is_django_s_to_check() -> None:
    client = client_of("view")

    assert client.get("/our/jobs/", headers={"host": "shop.example"}).status_code == 200
    assert client.get("/our/jobs/", headers={"host": "elsewhere.example"}).status_code == 400


def test_another_site_s_page_changes_nothing() -> None:
    client = client_of("admin")
    before = sum(each.jobs for each in mill.counts())

    refused = client.post(
        "/our/jobs/v1/tasks/count_users/jobs",
        "{}",
        content_type="application/json",
        headers={"origin": "http://elsewhere.example"},
    )

    assert refused.status_code == 403
    assert sum(each.jobs for each in mill.counts()) == before


def test_a_form_of_the_dashboard_reaches_it_whole() -> None:
    client = client_of("operate")
    job = count_users.using(delay=3600).enqueue()

    answer = client.post(
        f"/our/jobs/jobs/{job.id}/cancel",
        "reason=enough",
        content_type="application/x-www-form-urlencoded",
        headers={"origin": "http://testserver"},
    )

    assert answer.status_code == 303
    assert job.refresh().record.cancel_reason == "enough"


async def test_it_is_served_by_asgi_too() -> None:
    with override_settings(WORKMILL={"access": "shop.access.by_header"}):
        answer = await AsyncClient().get("/our/jobs/tasks", headers={"role": "read"})

    assert answer.status_code == 200
    assert b'href="/our/jobs/jobs' in answer.content


def test_a_rule_of_the_project_s_own_takes_the_place_of_rights() -> None:
    with override_settings(WORKMILL={"access": "shop.access.by_header"}):
        assert Client(headers={"role": "read"}).get("/our/jobs/").status_code == 200
        assert run(Client(headers={"role": "read"})).status_code == 403


def test_jobs_come_and_go_with_a_transaction() -> None:
    with transaction.atomic():
        User.objects.create(username="kept")
        [kept] = enqueue_with(count_users.job())
    with rolled_back():
        User.objects.create(username="gone")
        [gone] = enqueue_with(count_users.job())

    assert mill.job(kept).id == kept
    with pytest.raises(JobNotFound):
        mill.job(gone)


def test_where_the_store_is_elsewhere_they_are_stored_after_the_commit() -> None:
    with mill.elsewhere("memory://"):
        with transaction.atomic():
            User.objects.create(username="first")
            [kept] = enqueue_with(count_users.job())
            with pytest.raises(JobNotFound):
                mill.job(kept)
        with rolled_back():
            enqueue_with(count_users.job())

        assert [job.id for job in mill.jobs().jobs] == [kept]


def test_tasks_of_django_s_own_api_run() -> None:
    results = [twice.enqueue(2), times.using(priority=7).enqueue(2, by=5), twice.using(queue_name="mail").enqueue(3)]
    before = [each.status for each in results]

    mill.drain()

    for each in results:
        each.refresh()
    assert before == [TaskResultStatus.READY] * 3
    assert [each.return_value for each in results] == [[2, 2], [1, 10], [3, 3]]
    assert twice.get_result(results[0].id).attempts == 1
    assert mill.job(results[1].id).record.priority == 7
    assert mill.job(results[2].id).record.queue == "mail"


def test_an_error_is_told_with_its_class_and_traceback() -> None:
    result = fail.enqueue()

    mill.drain()

    result.refresh()
    assert result.status == TaskResultStatus.FAILED
    assert result.errors[0].exception_class is ValueError
    assert "no letter" in result.errors[0].traceback


def test_a_task_may_wait_for_its_time() -> None:
    moment = timezone.now() + timedelta(hours=1)

    result = twice.using(run_after=moment).enqueue(1)

    assert mill.job(result.id).record.run_at == moment
    assert twice.get_result(result.id).task.run_after == moment


def test_on_commit_stores_with_the_transaction() -> None:
    with rolled_back():
        gone = twice.using(backend="careful").enqueue(1)

    with pytest.raises(TaskResultDoesNotExist):
        twice.get_result(gone.id)


def test_a_job_of_another_kind_is_no_result() -> None:
    job = count_users.enqueue()

    with pytest.raises(TaskResultDoesNotExist):
        twice.get_result(job.id)


def test_a_queue_that_the_setting_does_not_name_is_refused() -> None:
    with pytest.raises(InvalidTaskError):
        twice.using(queue_name="nowhere")


def test_signals_are_sent() -> None:
    said: list[tuple[str, str]] = []

    def hear(signal: Any, task_result: Any, **_: Any) -> None:
        said.append((names[signal], task_result.status))

    names = {task_enqueued: "enqueued", task_started: "started", task_finished: "finished"}
    for signal in names:
        signal.connect(hear, weak=False)

    twice.enqueue(1)
    mill.drain()
    for signal in names:
        signal.disconnect(hear)

    assert ("enqueued", "READY") in said
    assert said[-2:] == [("started", "RUNNING"), ("finished", "SUCCESSFUL")]


@pytest.mark.parametrize(
    ("workmill", "said"),
    [
        ({"urls": "memory://"}, "the setting WORKMILL has no key 'urls'; did you mean 'url'?"),
        ({"url": 5}, "the setting WORKMILL['url'] is 5; give a text"),
        ({"url": "memory://", "database": "default"}, "give one of them"),
        ({"app": "shop.mine:mill", "url": "memory://"}, "the application named has a store already"),
        ({"app": "shop.mine:mill"}, "there is no module 'shop.mine'"),
        ({"database": "other"}, "names the database 'other', and DATABASES has default"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_remedy(workmill: dict[str, Any], said: str) -> None:
    with override_settings(WORKMILL=workmill), pytest.raises(ConfigError) as refused:
        application.__wrapped__()

    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("database", "url"),
    [
        (
            {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": "shop",
                "USER": "joe",
                "PASSWORD": "p@ss/",
                "HOST": "db",
            },
            "postgresql://joe:p%40ss%2F@db/shop",
        ),
        (
            {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": "shop",
                "HOST": "/run/postgresql",
                "PORT": 5433,
                "OPTIONS": {"sslmode": "require", "pool": True},
            },
            "postgresql://:5433/shop?host=%2Frun%2Fpostgresql&sslmode=require",
        ),
        ({"ENGINE": "django.db.backends.sqlite3", "NAME": "/data/a b.db"}, "sqlite:////data/a%20b.db?driver=sqlite3"),
    ],
)
def test_the_store_of_a_database_is_named(database: dict[str, Any], url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "connections", ConnectionHandler({"default": database}))

    assert settings.database_url("default") == url


def test_a_database_in_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
    monkeypatch.setattr(settings, "connections", ConnectionHandler({"default": database}))

    with pytest.raises(ConfigError, match="is in memory, where no worker sees it"):
        settings.database_url("default")


def test_a_database_that_keeps_no_jobs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    database = {"ENGINE": "django.db.backends.dummy", "NAME": "shop"}
    monkeypatch.setattr(settings, "connections", ConnectionHandler({"default": database}))

    with pytest.raises(ConfigError, match="which keeps no jobs"):
        settings.database_url("default")
