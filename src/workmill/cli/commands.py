"""The commands by name: where each is and one line about it. Data only, so that the overview costs no import."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command of the command line; `where` is `module:attribute`, imported when it is asked for."""

    name: str
    where: str
    summary: str


COMMANDS = (
    Command(
        name="dev",
        where="workmill.cli.dev:dev",
        summary="Run a worker, the dashboard and the HTTP API in one process tree, on this machine only.",
    ),
    Command(name="worker", where="workmill.cli.worker:worker", summary="Run a worker until it is told to stop."),
    Command(name="web", where="workmill.cli.web:web", summary="Serve the dashboard and the HTTP API."),
    Command(
        name="health",
        where="workmill.cli.health:health",
        summary="Ask a worker or a server that runs here how it is, without loading the application.",
    ),
    Command(name="call", where="workmill.cli.call:call", summary="Enqueue a job; its flags are the task's arguments."),
    Command(
        name="jobs",
        where="workmill.cli.jobs:jobs",
        summary="List, show, explain, wait for, cancel and retry jobs.",
    ),
    Command(
        name="queues",
        where="workmill.cli.queues:queues",
        summary="List, pause, resume, purge and limit queues.",
    ),
    Command(name="tasks", where="workmill.cli.tasks:tasks", summary="List and show the registered tasks."),
    Command(
        name="schedules",
        where="workmill.cli.schedules:schedules",
        summary="List, show, start, stop and trigger schedules.",
    ),
    Command(name="flows", where="workmill.cli.flows:flows", summary="List, show, cancel and retry flows."),
    Command(name="publish", where="workmill.cli.publish:publish", summary="Publish a message on a channel."),
    Command(name="workers", where="workmill.cli.workers:workers", summary="List workers, quiet, resume and stop them."),
    Command(name="doctor", where="workmill.cli.doctor:doctor", summary="Check the application, its store and workers."),
)


def overview() -> str:
    """Return what `workmill --help` says."""
    width = max(len(command.name) for command in COMMANDS)
    listed = "\n".join(f"  {command.name:<{width}}  {command.summary}" for command in COMMANDS)
    return (
        "Usage: workmill COMMAND [OPTIONS]\n\n"
        "Runs Python functions as durable jobs.\n\n"
        f"Commands:\n{listed}\n\n"
        "Options:\n"
        "  -h, --help  Show this, or `workmill COMMAND --help` for one command.\n"
        "  --version   Show the version.\n\n"
        "The application is `module:attribute`: given to the command, else in WORKMILL_APP, else as\n"
        '`app = "module:attribute"` under [tool.workmill] of the nearest pyproject.toml.'
    )
