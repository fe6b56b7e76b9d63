"""An application whose task stores a word in the transaction that ends its job. It says on stdout how far it is."""

import logging
from pathlib import Path

from sqlalchemy import create_engine, event, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from tests.running.tasks import say, wait_for
from workmill import App, current_job

app = App()


@app.task
def noted(word: str) -> str:
    return f"noted {word}"


@app.task
def keep(word: str, database: str, table: str, folder: str, waits: str) -> str | None:
    """Store a word and enqueue a child; wait for the attempt's gate in `folder` at the place that `waits` names.

    The places are `first` (nothing is written), `written`, and `last` (nothing is left to do but the commit).
    """
    gate = str(Path(folder, f"gate {current_job.attempt}"))

    def at(place: str) -> None:
        if waits == place:
            say(f"keep {current_job.attempt} at {place}")
            wait_for(gate)

    engine = create_engine(database, poolclass=NullPool)
    with Session(engine) as session, current_job.finish_in(session) as finish:
        event.listen(session, "before_commit", lambda _: at("last"))
        at("first")
        session.execute(text(f"INSERT INTO {table} VALUES (:word)"), {"word": f"{word} {current_job.attempt}"})
        child = noted.using(connection=session).enqueue(word)
        finish.result = child.id
        at("written")
    say(f"keep {current_job.attempt} committed")
    return None


def work(lease: float) -> None:
    """Work in this program."""
    logging.basicConfig(level="INFO", format="%(message)s")
    app.run_worker(concurrency=2, lease=lease)
