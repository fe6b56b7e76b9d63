"""Whether what is kept about followers is what follows from their bonds, each reckoned anew."""

from collections import Counter, defaultdict

from tests.servers.redis_harness import RedisHarness
from tests.stores.redis.audit import Head, compare, parts, stored_heads
from workmill.stores.redis.rows import unpacked
from workmill.words.job import FINAL_STATES

BY_RULE = 0.5


def audit_followers(database: RedisHarness) -> None:
    """Compare what is stored with what should be."""
    heads = stored_heads(database)
    bonds = {job_id: unpacked(bond) for job_id, bond in hash_of(database, "bonds").items()}
    awaited, lines, missing = Counter[str](), defaultdict[str, dict[str, float]](dict), dict[str, tuple[int, int]]()
    for job_id, (named, by_rule) in bonds.items():
        head = heads[job_id]
        if head["state"] in FINAL_STATES:
            continue
        awaited.update([*named, *by_rule])
        if head["state"] == "waiting":
            open_named, open_by_rule = still_open(named, heads), still_open(by_rule, heads)
            missing[job_id] = (len(open_named) + len(open_by_rule), len(open_named))
            for parent in open_named:
                lines[parent][job_id] = head["place"]
            for parent in open_by_rule:
                lines[parent][job_id] = head["place"] + BY_RULE

    stored_waits = {job_id: unpacked(wait) for job_id, wait in hash_of(database, "waits").items()}
    compare("awaited", {job_id: int(number) for job_id, number in hash_of(database, "awaited").items()}, awaited)
    compare("lines of followers", stored_lines(database), lines)
    compare("waits", {job_id: (wait[2], wait[3]) for job_id, wait in stored_waits.items()}, missing)


def still_open(parents: list[str], heads: dict[str, Head]) -> list[str]:
    """Return those that have not ended."""
    return [parent for parent in parents if heads[parent]["state"] not in FINAL_STATES]


def stored_lines(database: RedisHarness) -> dict[str, dict[str, float]]:
    """Return who stands behind whom."""
    keys = [key for key in parts(database) if key.startswith("followers:")]
    return {
        key.partition(":")[2]: {
            job_id.decode(): score
            for job_id, score in database.execute("ZRANGE", database.key(key), 0, -1, "WITHSCORES")
        }
        for key in keys
    }


def hash_of(database: RedisHarness, name: str) -> dict[str, bytes]:
    """Return a hash."""
    stored = database.execute("HGETALL", database.key(name))
    return {field.decode(): value for field, value in stored.items()}
