"""What makes tables grow: transactions left open, dead rows that stay, room that nothing gives back."""

from collections.abc import Sequence

from workmill.store import Finding, Level
from workmill.stores.postgres.session import Session
from workmill.stores.postgres.wire import Rows

OLD_SECONDS = 600
OLD_TRANSACTIONS = 1_000_000
MANY_DEAD = 1_000_000
MEBIBYTE = 1 << 20
LARGE = 256 * MEBIBYTE
THIN = 20_000
"""So many bytes of a table for each of its rows are mostly air."""

REMEDIES = {
    "session": "end what it belongs to, or SELECT pg_terminate_backend({0})",
    "prepared": "COMMIT PREPARED '{0}' or ROLLBACK PREPARED '{0}'",
    "slot": "let its standby catch up, or SELECT pg_drop_replication_slot('{0}')",
    "standby": "end its long query, or set hot_standby_feedback = off there",
}


async def look(session: Session, *, vacuums: bool) -> list[Finding]:
    """Look at all of it."""
    holders = await session.run("health", "holders")
    ((hidden,),) = await session.run("health", "hidden")
    tables = await session.run("health", "tables", [session.schema])
    return [snapshots(holders, hidden), dead_rows(tables), bloat(tables), vacuuming(tables, vacuums=vacuums)]


def snapshots(holders: Rows, hidden: int) -> Finding:
    """Look for a transaction that somebody left open: until it ends, no dead row goes."""
    subject = "old snapshot"
    old = [each for each in holders if (each[3] or 0) >= OLD_SECONDS or each[4] >= OLD_TRANSACTIONS]
    if not old:
        detail = "no transaction has been open for long"
        if hidden:
            detail += f", but this role (without pg_read_all_stats) cannot look into {hidden} sessions"
        return Finding(level=Level.OK, subject=subject, detail=detail)
    kind, name, role, seconds, transactions = old[0]
    since = f"{seconds} s" if seconds else f"{transactions} transactions"
    others = f" (and {len(old) - 1} more)" if len(old) > 1 else ""
    return Finding(
        level=Level.WARN,
        subject=subject,
        detail=f"{kind} {name} of role {role!r} has kept a transaction open for {since}{others}: tables only grow",
        remedy=REMEDIES[kind].format(name),
    )


def dead_rows(tables: Rows) -> Finding:
    """Look for rows that are dead and not cleared away."""
    count = sum(each[2] for each in tables)
    if count < MANY_DEAD:
        return Finding(level=Level.OK, subject="dead rows", detail=f"about {count} in all tables")
    name, _, dead, _, vacuumed, _ = tables[0]
    when = "never was vacuumed" if vacuumed is None else f"was vacuumed {vacuumed} s ago"
    return Finding(
        level=Level.WARN,
        subject="dead rows",
        detail=f"about {count} are not cleared away; most, {dead}, in table {name}, which {when}",
        remedy="look for an old snapshot and whether autovacuum comes; VACUUM clears them now",
    )


def bloat(tables: Rows) -> Finding:
    """Look for tables that are large and nearly empty."""
    thin = [(size, name) for name, live, _, size, _, _ in tables if size > max(LARGE, THIN * live)]
    if not thin:
        whole = sum(each[3] for each in tables) // MEBIBYTE
        return Finding(level=Level.OK, subject="bloat", detail=f"{whole} MiB in all tables, none of them mostly empty")
    size, name = max(thin)
    return Finding(
        level=Level.WARN,
        subject="bloat",
        detail=f"table {name} takes {size // MEBIBYTE} MiB and is mostly empty{more(thin)}",
        remedy=f"new rows fill it again; to give the room back, stop all workers and VACUUM FULL {name}",
    )


def vacuuming(tables: Rows, *, vacuums: bool) -> Finding:
    """Look whether autovacuum may come."""
    if not vacuums:
        return Finding(
            level=Level.FAIL,
            subject="autovacuum",
            detail="autovacuum or track_counts is off: dead rows pile up for ever",
            remedy="ALTER SYSTEM SET autovacuum = on; ALTER SYSTEM SET track_counts = on; SELECT pg_reload_conf()",
        )
    left_out = sorted(each[0] for each in tables if not each[5])
    if not left_out:
        return Finding(level=Level.OK, subject="autovacuum", detail="autovacuum is on")
    return Finding(
        level=Level.FAIL,
        subject="autovacuum",
        detail=f"autovacuum is off for table {left_out[0]}{more(left_out)}: its dead rows pile up for ever",
        remedy=f"ALTER TABLE {left_out[0]} RESET (autovacuum_enabled)",
    )


def more(those: Sequence[object]) -> str:
    """Say that there are others."""
    return f" (and {len(those) - 1} more)" if len(those) > 1 else ""
