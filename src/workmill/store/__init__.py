"""The contract: what every store does, in verbs over batches and frozen records.

Each docstring here is the specification that `workmill.testing.conformance` tests in every room. Common to all verbs:

- A verb is one transaction: it takes effect whole or not at all, and returning means committed and durable as the
  store's `durability` capability says. `StoreUnavailable` means *unknown*: every verb is safe to repeat.
- Time is the store's own clock. Callers send lengths of time, never moments, except `NewJob.run_at`. What would lie
  beyond the calendar's end is kept as the last moment there is.
- A write about a claim carries the claim's token and changes nothing unless that claim is the newest.
- A row that cannot be read never fails a batch: `claim`, `held` and `expired` settle it as `failed` with a failure of
  kind `unreadable`, and the reading verbs leave it out.
- Answers come in the order of what was asked.

What a program that only enqueues seldom needs is loaded when it is asked for: each record costs it half a millisecond.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from workmill.store.notices import Listener, Notice, NoticeKind
from workmill.store.records import Capabilities, Enqueued, JobFilter, Page, Verdict

if TYPE_CHECKING:
    from workmill.store.channels import ChannelVerbs, Heard
    from workmill.store.flows import Flow, FlowPage
    from workmill.store.jobs import JobVerbs
    from workmill.store.obstacles import MOST_AHEAD, MOST_NAMED, LimitReached, Obstacles, RateReached
    from workmill.store.protocol import Store
    from workmill.store.rules import Declaration, Pause, RuleState, RuleVerbs
    from workmill.store.schedules import Due, Fired, ScheduleVerbs, TickVerdict
    from workmill.store.workers import WorkerVerbs
    from workmill.store.working import (
        ClaimRequest,
        Count,
        Finding,
        Level,
        NewWorker,
        Promotion,
        Renewal,
        Report,
        Settled,
        Worker,
    )

__all__ = [
    "MOST_AHEAD",
    "MOST_NAMED",
    "Capabilities",
    "ChannelVerbs",
    "ClaimRequest",
    "Count",
    "Declaration",
    "Due",
    "Enqueued",
    "Finding",
    "Fired",
    "Flow",
    "FlowPage",
    "Heard",
    "JobFilter",
    "JobVerbs",
    "Level",
    "LimitReached",
    "Listener",
    "NewWorker",
    "Notice",
    "NoticeKind",
    "Obstacles",
    "Page",
    "Pause",
    "Promotion",
    "RateReached",
    "Renewal",
    "Report",
    "RuleState",
    "RuleVerbs",
    "ScheduleVerbs",
    "Settled",
    "Store",
    "TickVerdict",
    "Verdict",
    "Worker",
    "WorkerVerbs",
]

_LATER = {
    "ChannelVerbs": "workmill.store.channels",
    "ClaimRequest": "workmill.store.working",
    "Count": "workmill.store.working",
    "Declaration": "workmill.store.rules",
    "Due": "workmill.store.schedules",
    "Finding": "workmill.store.working",
    "Fired": "workmill.store.schedules",
    "Flow": "workmill.store.flows",
    "FlowPage": "workmill.store.flows",
    "Heard": "workmill.store.channels",
    "JobVerbs": "workmill.store.jobs",
    "Level": "workmill.store.working",
    "LimitReached": "workmill.store.obstacles",
    "MOST_AHEAD": "workmill.store.obstacles",
    "MOST_NAMED": "workmill.store.obstacles",
    "NewWorker": "workmill.store.working",
    "Obstacles": "workmill.store.obstacles",
    "Pause": "workmill.store.rules",
    "Promotion": "workmill.store.working",
    "RateReached": "workmill.store.obstacles",
    "Renewal": "workmill.store.working",
    "Report": "workmill.store.working",
    "RuleState": "workmill.store.rules",
    "RuleVerbs": "workmill.store.rules",
    "ScheduleVerbs": "workmill.store.schedules",
    "Settled": "workmill.store.working",
    "Store": "workmill.store.protocol",
    "TickVerdict": "workmill.store.schedules",
    "Worker": "workmill.store.working",
    "WorkerVerbs": "workmill.store.workers",
}
"""Where the names are that are loaded late."""

if not TYPE_CHECKING:  # pragma: no branch - a type checker must see which names there are

    def __getattr__(name: str) -> object:
        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(_LATER[name]), name)
        return found
