"""Filling the tables of the PostgreSQL room by the million, as if that many jobs had gone through it."""

import time
from collections.abc import Sequence
from typing import LiteralString

import psycopg

STEP = 500_000
WEEK = 7 * 86_400_000_000

QUEUED = """
INSERT INTO workmill.job (id, lane, args, policy, created_at, xid)
SELECT gen_random_uuid()::text, 1, '{}', '{}', workmill.clock(), pg_current_xact_id()
FROM generate_series(1, %(count)s)
"""
FINISHED = """
WITH stored AS (
    INSERT INTO workmill.job (id, lane, args, policy, created_at, xid)
    SELECT gen_random_uuid()::text, 1, '{}', '{}', workmill.clock(), pg_current_xact_id()
    FROM generate_series(1, %(count)s)
    RETURNING seq, created_at, xid
), marked AS (
    INSERT INTO workmill.mark (lane, number, xid, seq, watched, watched_from)
    SELECT 1, (SELECT coalesce(max(number), 0) + 1 FROM workmill.mark WHERE lane = 1), pg_current_xact_id(), max(seq),
        '{}', '{}' FROM stored
)
INSERT INTO workmill.done (seq, lane, finished_at, expires_at, attempt, deaths, token, version, state, worker, result)
SELECT seq, 1, created_at, created_at + %(week)s, 1, 0, 1, 3, 'succeeded', 'w', 'null' FROM stored
"""
SCHEDULED = """
WITH stored AS (
    INSERT INTO workmill.job (id, lane, args, policy, created_at, run_at)
    SELECT gen_random_uuid()::text, 1, '{}', '{}', workmill.clock(), workmill.clock() + %(week)s
    FROM generate_series(1, %(count)s) RETURNING seq, run_at
)
INSERT INTO workmill.later (seq, run_at, lane, state) SELECT seq, run_at, 1, 'scheduled' FROM stored
"""
KINDS: dict[str, LiteralString] = {"finished": FINISHED, "scheduled": SCHEDULED, "queued": QUEUED}

# Ids are random: an index of millions grows faster all at once.
BEFORE: Sequence[LiteralString] = ("SET synchronous_commit = off", "DROP INDEX workmill.job_id")
AFTER: Sequence[LiteralString] = (
    "SET maintenance_work_mem = '1GB'",
    "CREATE UNIQUE INDEX job_id ON workmill.job (id)",
    "VACUUM (ANALYZE) workmill.job",
    "VACUUM (ANALYZE) workmill.done",
    "VACUUM (ANALYZE) workmill.later",
    "CHECKPOINT",
)


def fill(url: str, kind: str, count: int) -> None:
    """Add jobs of one kind in bounded transactions, then do what autovacuum does in time. Nobody else may store."""
    began = time.monotonic()
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in BEFORE:
            connection.execute(statement)
        for start in range(0, count, STEP):
            connection.execute(KINDS[kind], {"count": min(STEP, count - start), "week": WEEK})
        for statement in AFTER:
            connection.execute(statement)
    print(f"filled in {count:,} {kind} jobs in {time.monotonic() - began:.0f} s", flush=True)
