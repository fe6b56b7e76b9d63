"""What was asked for: rows of the web application's own, each stored in one transaction with its job.

Where the store is Redis, or an SQLite file that Workmill reads by a library of its own, no transaction holds both; the
rows are in a file beside then, and a crash between the two leaves an analysis that is not listed among the latest.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock
from urllib.parse import parse_qsl, unquote, urlsplit

from sqlalchemy import Engine, create_engine, event, func, select
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.schema import CreateTable

from workmill import App, NewJob

LOCK_SECONDS = 20
BESIDE = "-chess.db"


class Rows(DeclarativeBase):
    """The application's own tables."""


class Request(Rows):
    """A position that somebody wants to have analysed. Its id is that of its job."""

    __tablename__ = "chess_request"

    id: Mapped[str] = mapped_column(primary_key=True)
    fen: Mapped[str]
    asked_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)


@dataclass(frozen=True, slots=True)
class Requests:
    """The requests of one database.

    Attributes:
        joins: Whether the jobs are in the same database, so that one transaction holds both.
        turn: Held while a row is written: who waits for SQLite's own lock sleeps longer than its turn takes.
    """

    mill: App
    engine: Engine
    joins: bool
    turn: AbstractContextManager[object]

    def add(self, new: NewJob, fen: str) -> str:
        """Store a request and its job, both or none where one transaction can hold them, and return their id."""
        if not self.joins:
            self.mill.enqueue_many([new])  # First, as it is what must not be lost.
        with self.turn, Session(self.engine) as session, session.begin():
            session.add(Request(id=new.id, fen=fen))
            if self.joins:
                session.flush()
                self.mill.enqueue_many([new], connection=session)
        return new.id

    def latest(self, limit: int) -> Sequence[str]:
        """Return the positions that were asked for last, each once."""
        last = func.max(Request.asked_at).label("last")
        with Session(self.engine) as session:
            wanted = select(Request.fen, last).group_by(Request.fen).order_by(last.desc()).limit(limit)
            return session.scalars(wanted).all()


def requests_of(mill: App, own_file: str | None) -> Requests:
    """Return the requests that are kept beside an application's jobs, with their table in place.

    Args:
        mill: Whose jobs they have.
        own_file: The file for them where they cannot be in the jobs' database; else one named after that.
    """
    mill.now()  # opens the store, which makes the schema that the table may go to
    parts = urlsplit(mill.url)
    jobs = Path(unquote(parts.path.removeprefix("/"))) if parts.scheme == "sqlite" else Path("jobs")
    if parts.scheme == "postgresql":
        found = Requests(mill=mill, engine=_postgres(mill.url), joins=True, turn=nullcontext())
    elif parts.scheme == "sqlite" and ("driver", "sqlite3") in parse_qsl(parts.query):
        found = Requests(mill=mill, engine=_sqlite(jobs), joins=True, turn=Lock())
    else:
        engine = _sqlite(Path(own_file) if own_file else jobs.with_name(jobs.stem + BESIDE))
        event.listen(engine, "connect", _make_quick)
        found = Requests(mill=mill, engine=engine, joins=False, turn=Lock())
    _make_table(found.engine)
    return found


def _postgres(url: str) -> Engine:
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    schema = options.pop("schema", None)  # Workmill's own; the rest is libpq's.
    if schema is not None:
        options["options"] = f"{options.get('options', '')} -csearch_path={schema}".strip()
    plain = parts._replace(scheme="postgresql+psycopg", query="").geturl()
    return create_engine(plain, connect_args=options, pool_pre_ping=True)


def _sqlite(file: Path) -> Engine:
    return create_engine(f"sqlite:///{file}", connect_args={"timeout": LOCK_SECONDS})


def _make_quick(connection: sqlite3.Connection, _: object) -> None:
    # In a file that only lists what was asked, a row that a power cut takes costs nobody a job.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")


def _make_table(engine: Engine) -> None:
    try:
        with engine.begin() as connection:
            connection.execute(CreateTable(Request.__table__, if_not_exists=True))  # type: ignore[arg-type] # it is a Table
    except (IntegrityError, ProgrammingError):
        return  # Another process of this application has just made it, which PostgreSQL says in this way.
