"""`python -m examples.one_at_a_time`: the worker and the web server, started and stopped together."""

import click

from examples.running import HOST, environment_of, port_option, run_together, worker_of

CONCURRENCY = 4
TOLD = """
One task at a time runs.

  the page      {address}/
  by hand       curl {address}/start
                curl {address}/status
                curl -X POST {address}/cancel
  the jobs      {url}

Ctrl-C stops it.
"""


@click.command()
@port_option
def main(port: int) -> None:
    """Run this example: a web server that starts, shows and cancels the one task, and a worker that does it."""
    environment = environment_of("one_at_a_time")
    web = ["-m", "uvicorn", "--factory", "examples.one_at_a_time:create_app", "--host", HOST, "--port", str(port)]
    programs = {
        "worker": worker_of("examples.one_at_a_time.tasks:app", concurrency=CONCURRENCY),
        "web server": [*web, "--log-level", "warning"],
    }
    told = TOLD.format(address=f"http://{HOST}:{port}", url=environment["WORKMILL_URL"])
    run_together(programs, port, told, environment)


if __name__ == "__main__":
    main()
