"""Whether the indices and counters of a store are those that follow from its jobs, each reckoned anew from them all."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any, TypeAlias

from tests.servers.redis_harness import RedisHarness
from workmill.stores.redis.rows import FIELDS, unpacked
from workmill.words.job import FINAL_STATES

Head: TypeAlias = dict[str, Any]
Sets: TypeAlias = dict[str, dict[str, float]]
TURNS = 2**44
NOT_BEGUN = {"scheduled", "waiting", "queued"}
UNBEGUN = NOT_BEGUN | {"retrying"}
INDICES = ("kind", "lane", "held", "due", "lapsing", "expiring", "made", "scheduled", "flowed", "flows")


def audit(database: RedisHarness) -> None:
    """Compare what is stored with what should be."""
    heads, stored = stored_heads(database), stored_sets(database)
    expected, counted = reckoned(heads)
    stored["flows"] = dict.fromkeys(stored.get("flows", {}), 0.0)  # Their places are those of first jobs, by now gone.
    put_off = stored.get("expiring", {})
    for job_id, expires_at in expected["expiring"].items():  # Later where others followed it when it was to go.
        expected["expiring"][job_id] = max(expires_at, put_off.get(job_id, 0.0))
    streets = {key.removeprefix("lane:") for key in expected if key.startswith("lane:")}
    ungated = {street for street in names(database, "SMEMBERS", "streets") if not street.endswith("/gated")}
    keys = {f"{head['task']}/{head['key']}": job_id for job_id, head in heads.items() if head["key"]}

    compare("indices", nonempty(stored), nonempty(expected))
    compare("counters", stored_counters(database), counted)
    compare("streets", dict.fromkeys(ungated), dict.fromkeys(streets))
    compare("keys", table(database, "keys"), keys)
    compare("docs", dict.fromkeys(table(database, "docs")), dict.fromkeys(heads))


def reckoned(heads: Mapping[str, Head]) -> tuple[Sets, Mapping[str, Counter[str]]]:
    """Return the sorted sets and the counters that follow from jobs."""
    expected, counted = defaultdict[str, dict[str, float]](dict), defaultdict[str, Counter[str]](Counter)
    for job_id, head in heads.items():
        for key, score in places_of(head):
            expected[key][job_id] = score
        for key, name in counters_of(head):
            counted[key][name] += 1
    for flow in [key for key in counted if key.startswith("flow:")]:
        expected["flows"][flow.removeprefix("flow:")] = 0.0
    return expected, counted


def nonempty(sets: Sets) -> Sets:
    """Return the sets that have members."""
    return {key: members for key, members in sets.items() if members}


def compare(what: str, stored: Mapping[str, object], expected: Mapping[str, object]) -> None:
    """Show what differs, if anything does."""
    absent = object()
    differing = {key for key in {*stored, *expected} if stored.get(key, absent) != expected.get(key, absent)}
    shown = [f"{key}: {stored.get(key)} is stored, {expected.get(key)} should be" for key in sorted(differing)]
    assert not shown, f"{what}: {shown}"


def places_of(head: Head) -> list[tuple[str, float]]:
    """Return the sorted sets in which a job must stand, and where."""
    state, street = head["state"], f"{head['queue']}/{head['task']}"
    found = [(f"kind:{street}/{state}", head["place"])]
    found += [(f"flowed:{head['flow']}", head["place"])] if head["flow"] else []
    found += [(f"scheduled:{head['schedule']}", head["place"])] if head["schedule"] else []
    if head["schedule"] and state not in FINAL_STATES:
        found.append((f"made:{head['schedule']}", head["place"]))
    if head["expires"] and state in NOT_BEGUN and not head["token"]:
        found.append(("lapsing", (head["run_at"] or head["created_at"]) + head["expires"]))
    match state:
        case "queued" if not head["gates"]:
            found.append((f"lane:{street}", (100 - head["priority"]) * TURNS + head["place"]))
        case "running":
            found.append((f"held:{head['worker']}", head["started_at"]))
        case "scheduled" | "retrying":
            found.append(("due", head["run_at"]))
        case _ if state in FINAL_STATES:
            found.append(("expiring", head["expires_at"]))
    return found


def counters_of(head: Head) -> list[tuple[str, str]]:
    """Return the counters by which a job must be counted: the hash and the name in it."""
    state, queue, task = head["state"], head["queue"], head["task"]
    found = [("counts", f"{queue}/{task}/{state}")]
    found += [("unbegun", queue)] if state in UNBEGUN else []
    found += [(f"flow:{head['flow']}", state)] if head["flow"] else []
    if state == "running":
        found += [("running", f"queue:{queue}"), ("running", f"task:{task}")]
        for name, key in head["gates"] or ():
            found += [("running", f"key:{name}/{key}"), ("running", f"keys:{name}")]
    return found


def stored_heads(database: RedisHarness) -> dict[str, Head]:
    """Return all jobs that are stored."""
    pairs = iter(database.execute("HGETALL", database.key("jobs")).items())
    return {job_id.decode(): dict(zip(FIELDS, unpacked(head), strict=True)) for job_id, head in pairs}


def stored_sets(database: RedisHarness) -> Sets:
    """Return the sorted sets that are stored of those that are looked at."""
    return {
        key: {
            name.decode(): score for name, score in database.execute("ZRANGE", database.key(key), 0, -1, "WITHSCORES")
        }
        for key in parts(database)
        if key.partition(":")[0] in INDICES
    }


def stored_counters(database: RedisHarness) -> dict[str, Counter[str]]:
    """Return the counters that are stored."""
    kept = [key for key in parts(database) if key in ("counts", "unbegun", "running") or key.startswith("flow:")]
    return {
        key: Counter({name: int(number) for name, number in table(database, key).items() if name != "created"})
        for key in kept
    }


def parts(database: RedisHarness) -> list[str]:
    """Return the names of what the store consists of."""
    listed = database.keys()
    return [key.partition(":")[2] for key in listed]


def table(database: RedisHarness, name: str) -> dict[str, str]:
    """Return a hash."""
    stored = database.execute("HGETALL", database.key(name))
    return {field.decode(): value.decode(errors="replace") for field, value in stored.items()}


def names(database: RedisHarness, command: str, key: str) -> set[str]:
    """Return names that are stored."""
    return {name.decode() for name in database.execute(command, database.key(key))}
