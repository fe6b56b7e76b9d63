"""What the page and `/api/wstatus` show of the robot, and of a registration."""

import json
from datetime import datetime
from typing import TypedDict

from examples.robot.control import NAME
from examples.robot.tasks import RECORDS, app
from workmill import Job, JobState, ScheduleHandle, ScheduleNotFound

ROUNDS_SHOWN = 5


class RoundView(TypedDict):
    """One round."""

    id: str
    state: str
    due_at: str | None
    records: int | None
    known: int | None
    error: str | None


class RobotView(TypedDict):
    """The robot: what it was started with last, and what it does."""

    status: str
    timedelta: float | None
    records: int | None
    msg: str | None
    rplstatus: str | None
    run: str | None
    next_at: str | None
    rounds: list[RoundView]
    pool: dict[str, int]


class RegistrationView(TypedDict):
    """A registration."""

    id: str
    queue: str
    state: str
    due_at: str | None
    ended_at: str | None
    fields: list[str]


def robot_view() -> RobotView:
    """Return how the robot stands."""
    try:
        robot = app.schedules.get(NAME)
    except ScheduleNotFound:
        return RobotView(
            status="stopped",
            timedelta=None,
            records=None,
            msg=None,
            rplstatus=None,
            run=None,
            next_at=None,
            rounds=[],
            pool=_pool(),
        )
    return _stored(robot)


def registration_view(job: Job) -> RegistrationView:
    """Return how a registration stands."""
    return RegistrationView(
        id=job.id,
        queue=job.queue,
        state=job.state.value,
        due_at=_iso(job.run_at),
        ended_at=_iso(job.finished_at),
        fields=sorted(json.loads(job.args)["body"]),
    )


def _stored(robot: ScheduleHandle) -> RobotView:
    plan = robot.info.plan
    order = json.loads(plan.args)
    return RobotView(
        status="started" if robot.is_active else "stopped",
        timedelta=None if plan.pause is None else plan.pause.total_seconds(),
        records=order["records"],
        msg=order["msg"],
        rplstatus=order["rplstatus"],
        run=order["run"],
        next_at=_iso(robot.info.next_at),
        rounds=[_round(job.record) for job in robot.history(ROUNDS_SHOWN)],
        pool=_pool(),
    )


def _round(job: Job) -> RoundView:
    result = json.loads(job.result) if job.result is not None else {}
    return RoundView(
        id=job.id,
        state=job.state.value,
        due_at=_iso(job.run_at or job.created_at),
        records=result.get("records"),
        known=result.get("known"),
        error=None if job.failure is None else job.failure.message,
    )


def _pool() -> dict[str, int]:
    """Count the records on the pool's queue."""
    counts: dict[JobState, int] = next((info.counts for info in app.queues() if info.name == RECORDS), {})
    waiting = sum(number for state, number in counts.items() if not state.is_final and state is not JobState.RUNNING)
    return {
        "waiting": waiting,
        "running": counts.get(JobState.RUNNING, 0),
        "done": counts.get(JobState.SUCCEEDED, 0),
        "refused": counts.get(JobState.FAILED, 0),
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
