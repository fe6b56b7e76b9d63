"""`python -m examples.demo`: worker, web server and what the examples need beside, started and stopped together."""

import os
import socket
from contextlib import closing

import click

from examples.chess.stockfish import NoStockfish, find_stockfish
from examples.producer_consumer.__main__ import programs as producers_and_subscribers
from examples.robot.__main__ import records_service
from examples.running import DATA, HOST, environment_of, port_option, run_together, worker_of

CONCURRENCY = 16
QUIET = "--log-level=warning"
"""The dashboard and the pages tell what happens; the terminal keeps to what goes wrong."""
BESIDE = {
    "ROBOT_RECORDS_FILE": "records.db",
    "SENTIMENT_MAIL_FOLDER": "sentiment-mail",
}
"""What the examples keep beside the jobs, by the variables that say where."""
BESIDE_REDIS = {"CHESS_DATABASE": "demo-chess.db", "SENTIMENT_DATABASE": "demo-sentiment.db"}
"""And what they keep in the database of the jobs, where that has tables."""
TOLD = """
Workmill's five systems run, and one worker does their work.

  all of them    {address}/
  the dashboard  {address}/jobs/
  the API        {address}/jobs/openapi.json
  the jobs       {url}

Ctrl-C stops it.
"""


@click.command()
@port_option
def main(port: int) -> None:
    """Run all examples: one web server with a landing page, one worker, one dashboard."""
    try:
        find_stockfish()
    except NoStockfish as error:
        raise click.ClickException(str(error)) from error
    # Django's and SQLAlchemy's library for SQLite serves for the jobs, too: then rows and jobs share a transaction.
    environment, records = environment_of("demo", options="?driver=sqlite3"), _free_port()
    has_tables = not environment["WORKMILL_URL"].startswith("redis")
    beside = BESIDE if has_tables else BESIDE | BESIDE_REDIS
    environment = {name: str(DATA / file) for name, file in beside.items()} | environment
    environment["ROBOT_RECORDS_URL"] = f"http://{HOST}:{records}"
    DATA.mkdir(parents=True, exist_ok=True)
    programs = {
        "records service": records_service(records),
        "worker": [*worker_of("examples.demo.tasks:app", concurrency=CONCURRENCY), f"--solos={_solos()}", QUIET],
        "web server": ["-m", "examples.demo.serve", f"--port={port}"],
        **{name: [*words, "--quiet"] for name, words in producers_and_subscribers().items()},
    }
    told = TOLD.format(address=f"http://{HOST}:{port}", url=environment["WORKMILL_URL"])
    run_together(programs, port, told, environment)


def _solos() -> int:
    """Return how many processes of their own tasks may have: the four analyses, and one task that may be stuck."""
    return max(5, os.cpu_count() or 1)


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
