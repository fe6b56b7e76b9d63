"""The chess example's own rows: there with their jobs, and gone with them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from examples.chess.asked import Request, Requests, requests_of
from workmill import App, JobNotFound, NewJob, StoreUnavailable

KINGS = "4k3/8/8/8/8/8/8/4K3 w - - 0 1"
NEW_YEAR = datetime(2030, 1, 1, tzinfo=UTC)
OTHER = "8/8/6P1/4R3/8/6k1/2r5/6K1 b - - 0 1"


@pytest.fixture(params=["sqlite3", "postgresql"])
def joined(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of a store whose transactions SQLAlchemy can hold."""
    if request.param == "sqlite3":
        return f"sqlite:///{tmp_path / 'jobs.db'}?driver=sqlite3"
    return str(request.getfixturevalue("postgresql_url"))


class Refusing(App):
    """An application whose store fails after it has taken the jobs in."""

    def enqueue_many(self, *args: Any, **options: Any) -> Any:
        super().enqueue_many(*args, **options)
        raise StoreUnavailable("the answer was lost")


def analysis(app: App) -> NewJob:
    @app.task
    def analyse(fen: str) -> str:
        return fen

    return analyse.job(KINGS)


@contextmanager
def opened(app: App, own_file: Path | None = None) -> Iterator[Requests]:
    requests = requests_of(app, None if own_file is None else str(own_file))
    with app:
        yield requests
    requests.engine.dispose()


def rows(requests: Requests) -> list[str]:
    with Session(requests.engine) as session:
        return list(session.scalars(select(Request.id)))


def test_row_and_job_are_stored_together(joined: str) -> None:
    app = App(joined)
    with opened(app) as requests:
        new = analysis(app)

        assert requests.add(new, KINGS) == new.id
        assert rows(requests) == [new.id]
        assert app.job(new.id).id == new.id


def test_neither_is_stored_where_the_transaction_fails(joined: str) -> None:
    app = Refusing(joined)
    with opened(app) as requests:
        new = analysis(app)

        with pytest.raises(StoreUnavailable):
            requests.add(new, KINGS)

        assert rows(requests) == []
        with pytest.raises(JobNotFound):
            app.job(new.id)


def test_beside_another_store_the_rows_are_in_a_file_of_their_own(shared_url: str, tmp_path: Path) -> None:
    own = tmp_path / "rows.db"
    app = App(shared_url)
    with opened(app, own) as requests:
        new = analysis(app)
        requests.add(new, KINGS)

        assert rows(requests) == [new.id]
        assert own.exists() is not requests.joins


def test_the_latest_come_first_and_once(tmp_path: Path) -> None:
    with opened(App(f"sqlite:///{tmp_path / 'jobs.db'}")) as requests:
        with Session(requests.engine) as session, session.begin():
            session.add_all(
                Request(id=str(number), fen=fen, asked_at=NEW_YEAR + timedelta(seconds=number))
                for number, fen in enumerate((KINGS, OTHER, KINGS))
            )

        assert requests.latest(5) == [KINGS, OTHER]
        assert requests.latest(1) == [KINGS]
