"""`python -m examples.sentiment`: two named workers and the web server, started and stopped together."""

import click

from examples.running import DATA, GRACE_SECONDS, HOST, environment_of, port_option, run_together

WORKERS = ("anna", "ben")
PLACES = 2
"""How many analyses each worker runs at a time: with two workers, the four of a request."""
THREADS = 16


@click.command()
@port_option
def main(port: int) -> None:
    """Run the sentiment example: a web server that takes texts, and two workers that analyse them."""
    # Django's library for SQLite serves for the jobs, too: then both are in one file, and in one transaction.
    environment = environment_of("sentiment", options="?driver=sqlite3")
    environment.setdefault("SENTIMENT_MAIL_FOLDER", str(DATA / "sentiment-mail"))
    address = f"http://{HOST}:{port}"
    told = (
        "\nSentiment analysis runs\n\n"
        f"  the page      {address}/\n"
        f"  by hand       curl -T feedback.txt {address}/files/\n"
        f"  the mail      {environment['SENTIMENT_MAIL_FOLDER']}\n"
        f"  the jobs      {environment['WORKMILL_URL']}\n\n"
        "Ctrl-C stops it.\n"
    )
    web = ["-m", "waitress", f"--listen={HOST}:{port}", f"--threads={THREADS}"]
    web += ["--call", "examples.sentiment.web:create_app"]
    workers = {f"worker {name}": worker(name, PLACES) for name in WORKERS}
    run_together({**workers, "web server": web}, port, told, environment)


def worker(name: str, places: int, *more: str) -> list[str]:
    """Return the arguments for Python of a worker that runs so many analyses at a time."""
    words = ["-m", "workmill", "worker", "examples.sentiment.tasks:app", f"--name={name}", f"--solos={places}"]
    return [*words, "--concurrency=4", f"--grace={GRACE_SECONDS:g}", *more]


if __name__ == "__main__":
    main()
