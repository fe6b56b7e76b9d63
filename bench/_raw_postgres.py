"""The ceiling: hand-written statements over rows of the same shape, one process, no worker, the same durability.

It is written as one would with the driver at hand: ids that grow with time and names as long as ours, values as the
driver sends lists, one round trip for each statement, nothing prepared. It keeps no listing, no counts, no attempts, no
cancel and no order among transactions, tells nobody, and runs nothing.
"""

import os
import time

import psycopg

from workmill.words.names import job_id

SCHEMA = """
create schema raw;
create table raw.job (seq bigint generated always as identity primary key, id text not null unique, task text,
  queue text, priority integer, state text, args text, policy text, attempt integer default 0, token integer default 0,
  version integer default 1, result text, worker text, engine integer, created_at bigint, started_at bigint,
  finished_at bigint, expires_at bigint);
create index on raw.job (queue, task, priority desc, seq) where state = 'queued';
create index on raw.job (worker) where state = 'running';
create index on raw.job (expires_at) where expires_at is not null;
"""
INSERT = """
insert into raw.job (id, task, queue, priority, state, args, policy, created_at)
select id, 'nothing', 'default', 0, 'queued', args, '{}', %s from unnest(%s::text[], %s::text[]) as new (id, args)
"""
CLAIM = """
update raw.job set state = 'running', attempt = attempt + 1, token = token + 1, version = version + 1,
  worker = '0123456789abcdef0123456789abcdef', engine = 0, started_at = %s
  where seq = any(array(
    select seq from raw.job where state = 'queued' and queue = 'default' and task = 'nothing'
    order by priority desc, seq limit %s for update skip locked
  )) returning seq, id, args, token
"""
SETTLE = """
update raw.job set state = 'succeeded', version = version + 1, result = 'null', finished_at = %s, expires_at = %s
  from unnest(%s::bigint[], %s::integer[]) as ended (seq, token)
  where job.seq = ended.seq and job.token = ended.token and job.state = 'running'
"""


class RawQueue:
    """A queue of statements and nothing else."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        self._connection.execute(SCHEMA)

    def enqueue_one(self) -> None:
        """Store one job, durably."""
        self.enqueue_many(1)

    def enqueue_many(self, jobs: int) -> None:
        """Store jobs in one transaction."""
        now = time.time_ns() // 1000
        ids = [job_id(now // 1000, os.urandom(10)) for _ in range(jobs)]
        self._connection.execute(INSERT, [now, ids, ["{}"] * jobs])

    def drain(self, jobs: int, *, batch: int) -> None:
        """Claim and settle what is queued, one transaction for the settling of a batch and the claim of the next."""
        held: list[tuple[int, str, str, int]] = []
        done = 0
        while done < jobs:
            now = time.time_ns() // 1000
            with self._connection.transaction():
                values = [now, now + 1, [row[0] for row in held], [row[3] for row in held]]
                self._connection.execute(SETTLE, values)
                done += len(held)
                held = self._connection.execute(CLAIM, [now, batch]).fetchall()

    def close(self) -> None:
        """Let go of the server."""
        self._connection.close()
