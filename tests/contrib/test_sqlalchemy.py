"""The store's URL for SQLAlchemy's database."""

from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session

from workmill import App, ConfigError, JobNotFound
from workmill.contrib.sqlalchemy import store_url


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("postgresql+psycopg://db.example/shop", "postgresql://db.example/shop"),
        ("postgresql+asyncpg://joe:p%40ss@db.example:5433/shop", "postgresql://joe:p%40ss@db.example:5433/shop"),
        ("postgresql:///shop?host=/run/postgresql&gssencmode=disable", "postgresql:///shop?host=%2Frun%2Fpostgresql"),
        ("sqlite:////data/a b#1.db", "sqlite:////data/a%20b%231.db?driver=sqlite3"),
    ],
)
def test_the_url_of_a_database_is_the_store_s(given: str, url: str) -> None:
    assert store_url(given) == url


@pytest.mark.parametrize("given", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?uri=true", "mysql://db/shop"])
def test_what_keeps_no_jobs_is_refused(given: str) -> None:
    with pytest.raises(ConfigError):
        store_url(given)


def test_a_job_comes_and_goes_with_the_session_s_transaction(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'shop of #1.db'}")
    with App(store_url(engine)) as mill:
        task = mill.task(name="task")(lambda: None)
        with Session(engine) as session:
            session.execute(text("CREATE TABLE row (id integer)"))
            kept = task.using(connection=session).enqueue()
            session.commit()
            gone = task.using(connection=session).enqueue()
            session.rollback()

        assert mill.job(kept.id).id == kept.id
        with pytest.raises(JobNotFound):
            mill.job(gone.id)
    engine.dispose()


async def test_an_awaited_engine_s_url_is_taken(tmp_path: Path) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/shop.db")

    assert store_url(engine) == f"sqlite:///{tmp_path}/shop.db?driver=sqlite3"
