"""Workmill turns a Python function into a durable, asynchronous API."""

from importlib import import_module
from typing import TYPE_CHECKING

from workmill.app import App
from workmill.craft.context import current_job
from workmill.craft.document import attempt_document, job_document, worker_document
from workmill.craft.handle import JobHandle
from workmill.craft.limits import Limit
from workmill.craft.middleware import CallNext, Middleware
from workmill.craft.task import AnyTask, Task
from workmill.craft.task_document import task_document
from workmill.craft.unique import Unique
from workmill.loading import load_app
from workmill.store import Page
from workmill.words.clock import Clock, system_clock
from workmill.words.errors import (
    ArgumentError,
    ConfigError,
    CountChanged,
    DuplicateTask,
    FlowNotFound,
    InvalidArguments,
    InvalidOption,
    JobCancelled,
    JobConflict,
    JobError,
    JobFailed,
    JobLost,
    JobNotFound,
    ParentNotFound,
    QueueFull,
    ScheduleActive,
    ScheduleChanged,
    ScheduleError,
    ScheduleNotFound,
    SchemaMismatch,
    StoreError,
    StoreUnavailable,
    TaskError,
    UniqueConflict,
    UnknownTask,
    WaitTimeout,
    WorkmillError,
)
from workmill.words.job import Attempt, Ending, Job, JobState, NewJob, Progress
from workmill.words.limit import Rate, Rule, Scope
from workmill.words.order import Order
from workmill.words.outcome import Failure, FailureKind
from workmill.words.policy import Policy
from workmill.words.retry import Retry
from workmill.words.signals import Cancel, Snooze
from workmill.words.ties import Feed, Needs
from workmill.words.unique import OnConflict

if TYPE_CHECKING:
    from workmill.calls.messages import Messages
    from workmill.craft.acting import Acted, Action
    from workmill.craft.channels import Message
    from workmill.craft.cron import Cron
    from workmill.craft.flow import Flow, chain, chord, group
    from workmill.craft.flow_document import flow_document, graph_document, message_document
    from workmill.craft.flow_handle import FlowHandle, FlowPage, FlowStatus, Node
    from workmill.craft.log_format import configure_logs
    from workmill.craft.queue import QueueHandle, QueueInfo
    from workmill.craft.rule_document import queue_document, rule_document, why_document
    from workmill.craft.schedule_document import outcome_document, schedule_document
    from workmill.craft.schedule_handle import ScheduleHandle, upcoming
    from workmill.craft.schedules import SchedulePage, Schedules
    from workmill.craft.when import Every, Loop, When, when_of
    from workmill.craft.why import Why, WhyCode
    from workmill.running.extras import Extra
    from workmill.running.options import SupervisorOptions, WorkerOptions
    from workmill.store import Count, Finding, Level, Pause, RuleState, Worker
    from workmill.tree import run_worker_tree
    from workmill.words.bind import check_bind, is_loopback
    from workmill.words.events import Event
    from workmill.words.schedule import Missed, Overlap, Plan, Schedule

__all__ = [
    "Acted",
    "Action",
    "AnyTask",
    "App",
    "ArgumentError",
    "Attempt",
    "CallNext",
    "Cancel",
    "Clock",
    "ConfigError",
    "Count",
    "CountChanged",
    "Cron",
    "DuplicateTask",
    "Ending",
    "Event",
    "Every",
    "Extra",
    "Failure",
    "FailureKind",
    "Feed",
    "Finding",
    "Flow",
    "FlowHandle",
    "FlowNotFound",
    "FlowPage",
    "FlowStatus",
    "InvalidArguments",
    "InvalidOption",
    "Job",
    "JobCancelled",
    "JobConflict",
    "JobError",
    "JobFailed",
    "JobHandle",
    "JobLost",
    "JobNotFound",
    "JobState",
    "Level",
    "Limit",
    "Loop",
    "Message",
    "Messages",
    "Middleware",
    "Missed",
    "Needs",
    "NewJob",
    "Node",
    "OnConflict",
    "Order",
    "Overlap",
    "Page",
    "ParentNotFound",
    "Pause",
    "Plan",
    "Policy",
    "Progress",
    "QueueFull",
    "QueueHandle",
    "QueueInfo",
    "Rate",
    "Retry",
    "Rule",
    "RuleState",
    "Schedule",
    "ScheduleActive",
    "ScheduleChanged",
    "ScheduleError",
    "ScheduleHandle",
    "ScheduleNotFound",
    "SchedulePage",
    "Schedules",
    "SchemaMismatch",
    "Scope",
    "Snooze",
    "StoreError",
    "StoreUnavailable",
    "SupervisorOptions",
    "Task",
    "TaskError",
    "Unique",
    "UniqueConflict",
    "UnknownTask",
    "WaitTimeout",
    "When",
    "Why",
    "WhyCode",
    "Worker",
    "WorkerOptions",
    "WorkmillError",
    "attempt_document",
    "chain",
    "check_bind",
    "chord",
    "configure_logs",
    "current_job",
    "flow_document",
    "graph_document",
    "group",
    "is_loopback",
    "job_document",
    "load_app",
    "message_document",
    "outcome_document",
    "queue_document",
    "rule_document",
    "run_worker_tree",
    "schedule_document",
    "system_clock",
    "task_document",
    "upcoming",
    "when_of",
    "why_document",
    "worker_document",
]

_LATER = {
    "Acted": "workmill.craft.acting",
    "Action": "workmill.craft.acting",
    "Count": "workmill.store.working",
    "Cron": "workmill.craft.cron",
    "Event": "workmill.words.events",
    "Every": "workmill.craft.when",
    "Extra": "workmill.running.extras",
    "Finding": "workmill.store.working",
    "Flow": "workmill.craft.flow",
    "FlowHandle": "workmill.craft.flow_handle",
    "FlowPage": "workmill.craft.flow_handle",
    "FlowStatus": "workmill.craft.flow_handle",
    "Level": "workmill.store.working",
    "Loop": "workmill.craft.when",
    "Message": "workmill.craft.channels",
    "Messages": "workmill.calls.messages",
    "Missed": "workmill.words.schedule",
    "Node": "workmill.craft.flow_handle",
    "Overlap": "workmill.words.schedule",
    "Pause": "workmill.store.rules",
    "Plan": "workmill.words.schedule",
    "QueueHandle": "workmill.craft.queue",
    "QueueInfo": "workmill.craft.queue",
    "RuleState": "workmill.store.rules",
    "Schedule": "workmill.words.schedule",
    "ScheduleHandle": "workmill.craft.schedule_handle",
    "SchedulePage": "workmill.craft.schedules",
    "Schedules": "workmill.craft.schedules",
    "SupervisorOptions": "workmill.running.options",
    "When": "workmill.craft.when",
    "Why": "workmill.craft.why",
    "WhyCode": "workmill.craft.why",
    "Worker": "workmill.store.working",
    "WorkerOptions": "workmill.running.options",
    "chain": "workmill.craft.flow",
    "check_bind": "workmill.words.bind",
    "chord": "workmill.craft.flow",
    "configure_logs": "workmill.craft.log_format",
    "flow_document": "workmill.craft.flow_document",
    "graph_document": "workmill.craft.flow_document",
    "group": "workmill.craft.flow",
    "is_loopback": "workmill.words.bind",
    "message_document": "workmill.craft.flow_document",
    "outcome_document": "workmill.craft.schedule_document",
    "queue_document": "workmill.craft.rule_document",
    "rule_document": "workmill.craft.rule_document",
    "run_worker_tree": "workmill.tree",
    "schedule_document": "workmill.craft.schedule_document",
    "upcoming": "workmill.craft.schedule_handle",
    "when_of": "workmill.craft.when",
    "why_document": "workmill.craft.rule_document",
}
"""Where the names are that a program without a worker seldom needs."""

if not TYPE_CHECKING:  # a type checker must see which names there are

    def __getattr__(name: str) -> object:
        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(_LATER[name]), name)
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
