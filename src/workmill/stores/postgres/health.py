"""What `diagnose` looks at: the server, its settings, and what makes a queue on it slow."""

from workmill.store import Finding, Level
from workmill.stores.postgres.session import Session

OLD_SECONDS = 600
MANY_DEAD = 1_000_000


async def diagnose(session: Session, *, is_deaf: bool) -> list[Finding]:
    """See `Store.diagnose`."""
    ((version, durability, old, dead, vacuum, holder),) = await session.run("health", "health", [session.schema])
    return [
        Finding(level=Level.OK, subject="PostgreSQL", detail=f"version {version}"),
        durable(durability),
        snapshots(old, holder),
        dead_rows(dead),
        vacuuming(vacuum),
        listening(is_deaf=is_deaf),
    ]


def durable(setting: str) -> Finding:
    """Say what a commit survives."""
    if setting != "off":
        return Finding(level=Level.OK, subject="durability", detail=f"synchronous_commit is {setting}")
    return Finding(
        level=Level.WARN,
        subject="durability",
        detail="synchronous_commit is off: a crash of the server loses jobs that were accepted just before",
        remedy="ALTER ROLE ... SET synchronous_commit = on for the role of the application",
    )


def snapshots(seconds: int | None, holder: int | None) -> Finding:
    """Look for a transaction that somebody left open: until it ends, no dead row goes."""
    subject = "old snapshot"
    if seconds is None or seconds < OLD_SECONDS:
        return Finding(level=Level.OK, subject=subject, detail="no transaction has been open for long")
    return Finding(
        level=Level.WARN,
        subject=subject,
        detail=f"process {holder} of the server has had a transaction open for {seconds} s: the tables only grow",
        remedy=f"end what it belongs to, or SELECT pg_terminate_backend({holder})",
    )


def dead_rows(count: int) -> Finding:
    """Look for rows that are dead and not cleared away."""
    if count < MANY_DEAD:
        return Finding(level=Level.OK, subject="dead rows", detail=f"about {count} in all tables")
    return Finding(
        level=Level.WARN,
        subject="dead rows",
        detail=f"about {count} in all tables are not cleared away",
        remedy="look for an old snapshot and whether autovacuum comes; VACUUM clears them now",
    )


def vacuuming(setting: str) -> Finding:
    """Look whether autovacuum may come."""
    if setting == "on":
        return Finding(level=Level.OK, subject="autovacuum", detail="autovacuum is on")
    return Finding(
        level=Level.FAIL,
        subject="autovacuum",
        detail="autovacuum is off: dead rows pile up for ever",
        remedy="ALTER SYSTEM SET autovacuum = on; SELECT pg_reload_conf()",
    )


def listening(*, is_deaf: bool) -> Finding:
    """Say whether notices come."""
    if not is_deaf:
        return Finding(level=Level.OK, subject="notices", detail="what listens is heard, or nothing listens here")
    return Finding(
        level=Level.WARN,
        subject="notices",
        detail="LISTEN hears nothing: a pooler in transaction mode gives the session away; jobs are found by polling",
        remedy="let this program reach the server directly, or the pooler in session mode, where seconds matter",
    )
