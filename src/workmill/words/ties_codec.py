"""Ties and JSON text, one into the other: what a room writes beside a job that has any."""

from datetime import datetime
from functools import lru_cache

from workmill.words.codec import Json, dump, load
from workmill.words.limit import Gate
from workmill.words.ties import Feed, Needs, Ties


def dump_ties(ties: Ties) -> str:
    """Write ties: only what there is of them."""
    pairs: dict[str, Json] = {
        "gates": [[gate.name, gate.key] for gate in ties.gates],
        "flow": ties.flow,
        "schedule": ties.schedule,
        "tick": None if ties.tick is None else ties.tick.isoformat(),
        "feed": None if ties.feed is Feed.NOTHING else str(ties.feed),
        "needs": None if ties.needs is Needs.SUCCESS else str(ties.needs),
    }
    return dump({name: value for name, value in pairs.items() if value}).decode()


@lru_cache(maxsize=1024)
def load_ties(text: str) -> Ties:
    """Read what `dump_ties` wrote.

    Raises:
        ValueError: It is no such thing.
    """
    fields = load(text)
    try:
        tick = fields.get("tick")
        return Ties(
            gates=tuple(Gate(name=name, key=key) for name, key in fields.get("gates", ())),
            flow=fields.get("flow"),
            schedule=fields.get("schedule"),
            tick=None if tick is None else datetime.fromisoformat(tick),
            feed=Feed(fields.get("feed", Feed.NOTHING)),
            needs=Needs(fields.get("needs", Needs.SUCCESS)),
        )
    except (AttributeError, TypeError) as error:
        raise ValueError(f"no ties: {text[:80]!r}") from error
