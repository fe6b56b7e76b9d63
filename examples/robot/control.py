"""Start and stop of the robot: one schedule in the store, so that it is where it was after any restart.

    none ── start ──▶ active ── stop ──▶ stopped ── start ──▶ active
                        │ start: refused        │ stop: nothing

Each start has an id of its own, which is among the arguments of its rounds. So whoever read the schedule before a start
cannot change it after that start: of any number of starts at once one is accepted, with the pause that it asked for.
"""

from typing import Annotated
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field

from examples.robot.records_shape import Count, Status
from examples.robot.tasks import Message, app, do_round
from workmill import Loop, NewJob, ScheduleActive, ScheduleChanged, ScheduleHandle, ScheduleNotFound

NAME = "robot"
LONGEST_PAUSE = 7 * 24 * 3600.0


class Order(BaseModel):
    """What the robot is started with."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    timedelta: Annotated[float, Field(ge=0.1, le=LONGEST_PAUSE, allow_inf_nan=False)] = 15.0
    """Seconds before the first round, and from the end of each to the next."""
    records: Count = 20
    msg: Message = ""
    rplstatus: Status = "START"


class RobotRuns(Exception):
    """The robot is started already, or somebody else has been quicker by a moment."""


def start(order: Order) -> None:
    """Start the robot: its first round is due after the pause.

    Raises:
        RobotRuns: It goes on already; nothing was changed.
    """
    pause, job = Loop(order.timedelta), _round_of(order)
    try:
        app.schedules.create(NAME, job, pause, delay=order.timedelta)
    except ScheduleChanged:  # There has been one before.
        _start_again(app.schedules.get(NAME), pause, job)


def stop() -> bool:
    """Stop the robot at once: no round is due any more, and one that runs is asked to end. Safe to repeat.

    What it has put on the pool's queue is worked on: the service has handed it over.

    Returns:
        Whether it was started.
    """
    try:
        robot = app.schedules.get(NAME)
    except ScheduleNotFound:
        return False
    was_active = robot.is_active
    robot.stop(cancel_running=True)
    return was_active


def _start_again(robot: ScheduleHandle, pause: Loop, job: NewJob) -> None:
    if robot.is_active:
        raise RobotRuns
    try:
        robot.edit(when=pause)
        robot.start(delay=pause.pause, job=job)
    except (ScheduleActive, ScheduleChanged) as error:
        raise RobotRuns from error
    if robot.when != pause:  # Another start's pause came between the two, and that start was then refused.
        robot.stop()
        _start_again(robot, pause, job)


def _round_of(order: Order) -> NewJob:
    return do_round.job(uuid4().hex, order.records, order.msg, order.rplstatus)
