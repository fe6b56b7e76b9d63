from pathlib import Path

import pytest

from workmill import App
from workmill.testing import FakeClock, inline, isolated


@pytest.fixture
def app(tmp_path: Path) -> App:
    app = App(f"sqlite:///{tmp_path}/production.db")

    @app.task
    def add(a: int, b: int) -> int:
        return a + b

    return app


def test_an_isolated_application_leaves_its_own_store_alone(app: App, tmp_path: Path) -> None:
    with isolated(app) as clock, inline(app):
        handle = app.tasks["add"].enqueue(1, 2)

        assert handle.result(timeout=0) == 3
        assert handle.record.created_at == clock()

    assert list(tmp_path.iterdir()) == []


def test_every_isolation_begins_empty(app: App) -> None:
    for _ in range(2):
        with isolated(app):
            app.tasks["add"].enqueue(1, 2)

            assert len(app.jobs().jobs) == 1


def test_afterwards_the_application_is_as_it_was(app: App) -> None:
    url = app.url

    with isolated(app):
        app.tasks["add"].enqueue(1, 2)
        assert app.url == "memory://"

    with app:
        assert app.url == url
        assert app.jobs().jobs == ()


def test_the_clock_may_be_ones_own(app: App) -> None:
    clock = FakeClock()

    with isolated(app, clock=clock) as given:
        assert given is clock
