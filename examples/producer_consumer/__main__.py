"""`python -m examples.producer_consumer`: all of its programs, started and stopped together."""

import click

from examples.running import HOST, environment_of, port_option, run_together, worker_of

CONSUMERS = ("dora", "emil")
THREADS = 16
TOLD = """
Producers, consumers and subscribers run.

  the page      {address}/
  by hand       curl -L {address}/prodcons
                curl -L {address}/pubsub
  the jobs      {url}
                {address}/jobs/

Ctrl-C stops it.
"""


@click.command()
@port_option
@click.option(
    "--seconds", type=click.FloatRange(0, 60), default=0.5, show_default=True, help="How long one element takes."
)
def main(port: int, seconds: float) -> None:
    """Run this example: three producers, two consumers, three subscribers, and a web server."""
    environment = {**environment_of("producer_consumer"), "PRODUCER_CONSUMER_SECONDS": f"{seconds:g}"}
    web = ["-m", "waitress", f"--listen={HOST}:{port}", f"--threads={THREADS}"]
    web += ["--call", "examples.producer_consumer.web:create_app"]
    told = TOLD.format(address=f"http://{HOST}:{port}", url=environment["WORKMILL_URL"])
    consumers = {f"consumer {name}": consumer(name) for name in CONSUMERS}
    run_together({"web server": web, **consumers, **programs()}, port, told, environment)


def programs() -> dict[str, list[str]]:
    """Return the arguments for Python of what runs beside workers and the web server."""
    return {name: ["-m", f"examples.producer_consumer.{name}"] for name in ("subscribers", "producers")}


def consumer(name: str) -> list[str]:
    """Return the arguments for Python of a worker that consumes one element at a time."""
    return worker_of("examples.producer_consumer.tasks:app", concurrency=1, name=name)


if __name__ == "__main__":
    main()
