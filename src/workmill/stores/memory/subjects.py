"""What a rule counts by itself: a queue, a task, or one key of a name."""

from typing import TypeAlias

from workmill.words.job import Job
from workmill.words.limit import Gate, Scope

Title: TypeAlias = tuple[Scope, str]
"""What a rule is known by."""
Subject: TypeAlias = tuple[Scope, str, str]
"""What is counted for a rule; the last is the key, empty for queues and tasks."""


def of_queue(queue: str) -> Subject:
    """Return what jobs on a queue count as."""
    return (Scope.QUEUE, queue, "")


def of_task(task: str) -> Subject:
    """Return what jobs of a task count as."""
    return (Scope.TASK, task, "")


def of_gate(gate: Gate) -> Subject:
    """Return what jobs that pass a gate count as."""
    return (Scope.KEY, gate.name, gate.key)


def of_job(job: Job) -> tuple[Subject, ...]:
    """Return all that a job counts as, in the order of rules."""
    own = (of_queue(job.queue), of_task(job.task))
    return own if job.ties is None else (*gates_of(job), *own)


def gates_of(job: Job) -> list[Subject]:
    """Return what a job counts as by its gates."""
    return [] if job.ties is None else sorted(of_gate(gate) for gate in job.ties.gates)
