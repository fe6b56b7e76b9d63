"""`python -m examples.robot`: web server, records service, worker and pool, started and ended together."""

import click

from examples.running import DATA, HOST, environment_of, port_option, run_together, worker_of

THREADS = 8
TARGET = "examples.robot.tasks:app"
OTHERS = "robot-registrations,robot-rounds,robot-answers"
TOLD = """
The form and the robot run, with a pool of {pool}

  the page      {address}/
  by hand       curl -d name=Ada -d course=sums {address}/userregres/
                curl -d '{{"timedelta": 15, "records": 20, "msg": "hello", "rplstatus": "START"}}' {address}/api/wstart
                curl {address}/api/wstatus
                curl -X POST {address}/api/wstop
  the records   {records}/
  the jobs      {url}

Ctrl-C stops it; the robot goes on when all this is started again.
"""


def records_service(port: int) -> list[str]:
    """Return the arguments for Python of the records service."""
    return served("examples.robot.records:create_app", port)


def served(application: str, port: int) -> list[str]:
    """Return the arguments for Python of a web server."""
    return ["-m", "waitress", f"--listen={HOST}:{port}", f"--threads={THREADS}", "--call", application]


@click.command()
@port_option
@click.option("--pool", type=click.IntRange(1, 64), default=3, show_default=True, help="Processes that work records.")
@click.option("--records-port", type=click.IntRange(1, 65535), help="Where records are fetched; default: the next one.")
def main(port: int, pool: int, records_port: int | None) -> None:
    """Run the form, the robot and all they need."""
    records = f"http://{HOST}:{records_port or port + 1}"
    environment = {
        "ROBOT_RECORDS_FILE": str(DATA / "records.db"),
        **environment_of("robot"),
        "ROBOT_RECORDS_URL": records,
    }
    programs = {
        "records service": records_service(records_port or port + 1),
        "worker": [*worker_of(TARGET, concurrency=8, name="robot"), f"--queues={OTHERS}"],
        "pool": [*worker_of(TARGET, concurrency=2, name="pool"), "--queues=robot-records", f"--engines={pool}"],
        "web server": served("examples.robot:create_app", port),
    }
    told = TOLD.format(pool=pool, address=f"http://{HOST}:{port}", records=records, url=environment["WORKMILL_URL"])
    run_together(programs, port, told, environment)


if __name__ == "__main__":
    main()
