"""Plans of schedules and JSON text, one into the other."""

from datetime import timedelta

from workmill.words.codec import dump, dump_policy, load, load_policy
from workmill.words.limit import Gate
from workmill.words.schedule import Missed, Overlap, Plan
from workmill.words.ticks import TICK


def dump_plan(plan: Plan) -> str:
    """Write a plan; equal plans give equal text."""
    return dump(
        {
            "name": plan.name,
            "when": plan.when,
            "pause": None if plan.pause is None else plan.pause // TICK,
            "task": plan.task,
            "queue": plan.queue,
            "priority": plan.priority,
            "args": plan.args.decode(),
            "policy": dump_policy(plan.policy),
            "gates": [[gate.name, gate.key] for gate in plan.gates],
            "overlap": str(plan.overlap),
            "missed": str(plan.missed),
        }
    ).decode()


def load_plan(text: str) -> Plan:
    """Read what `dump_plan` wrote.

    Raises:
        ValueError: It is no such thing.
    """
    fields = load(text)
    try:
        pause: timedelta | None = None if fields["pause"] is None else fields["pause"] * TICK
        return Plan(
            name=fields["name"],
            when=fields["when"],
            pause=pause,
            task=fields["task"],
            queue=fields["queue"],
            priority=fields["priority"],
            args=fields["args"].encode(),
            policy=load_policy(fields["policy"]),
            gates=tuple(Gate(name=name, key=key) for name, key in fields["gates"]),
            overlap=Overlap(fields["overlap"]),
            missed=Missed(fields["missed"]),
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"no plan of a schedule: {text[:80]!r}") from error
