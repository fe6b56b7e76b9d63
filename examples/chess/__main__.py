"""`python -m examples.chess`: the worker and the web server, started and stopped together."""

import os
import shlex

import click

from examples.chess.stockfish import NoStockfish, find_stockfish
from examples.running import HOST, environment_of, port_option, run_together, worker_of

THREADS = 16
REFERENCE = '{"fen": "8/8/6P1/4R3/8/6k1/2r5/6K1 b - - 0 1"}'
TOLD = """
Chess analysis runs, with {engine}

  the page      {address}/
  by hand       curl -H 'Content-Type: application/json' -d '{reference}' {address}/analyze
                curl '{address}/analysis?id=…'
  the jobs      {url}

Ctrl-C stops it.
"""


@click.command()
@port_option
def main(port: int) -> None:
    """Run the chess example: a web server that takes positions, and a worker that analyses them."""
    try:
        engine = find_stockfish()
    except NoStockfish as error:
        raise click.ClickException(str(error)) from error
    # SQLAlchemy's library for SQLite serves for the jobs, too: then rows and jobs share a transaction.
    environment = environment_of("chess", options="?driver=sqlite3")
    # Waitress is made for WSGI: threads, bounded buffers, and the full protocol, in pure Python.
    web = ["-m", "waitress", f"--listen={HOST}:{port}", f"--threads={THREADS}", "--call", "examples.chess:create_app"]
    programs = {"worker": worker_of("examples.chess.tasks:app", concurrency=os.cpu_count() or 1), "web server": web}
    told = TOLD.format(
        engine=shlex.join(engine),
        address=f"http://{HOST}:{port}",
        reference=REFERENCE,
        url=environment["WORKMILL_URL"],
    )
    run_together(programs, port, told, environment)


if __name__ == "__main__":
    main()
