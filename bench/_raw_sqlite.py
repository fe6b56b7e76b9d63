"""The ceiling: hand-written statements over rows of the same shape, one process, no worker, the same durability."""

import time
import uuid
from pathlib import Path

import apsw

SCHEMA = """
pragma journal_mode=wal;
pragma synchronous=full;
create table job (seq integer primary key, id text not null unique, task text, queue text, priority integer, state text,
  args text, policy text, attempt integer default 0, token integer default 0, version integer default 1, result text,
  worker text, engine integer, created_at integer, started_at integer, finished_at integer, expires_at integer);
create index job_queued on job (queue, task, priority desc, seq) where state = 'queued';
create index job_running on job (worker) where state = 'running';
create index job_expiry on job (expires_at) where expires_at is not null;
"""
INSERT = """
insert into job (id, task, queue, priority, state, args, policy, created_at)
  values (?, ?, ?, 0, 'queued', ?, '{}', ?)
"""
CLAIM = """
update job set state = 'running', attempt = attempt + 1, token = token + 1, version = version + 1, worker = 'w',
  engine = 0, started_at = ?
  where seq in (
    select seq from job where state = 'queued' and queue = 'default' and task = 'nothing'
    order by priority desc, seq limit ?
  ) returning seq, id, args, token
"""
SETTLE = """
update job set state = 'succeeded', version = version + 1, result = 'null', finished_at = ?, expires_at = ?
  where seq = ? and token = ? and state = 'running'
"""


class RawQueue:
    """A queue of statements and nothing else."""

    def __init__(self, path: Path) -> None:
        self._connection = apsw.Connection(str(path))
        for statement in SCHEMA.split(";"):
            self._connection.execute(statement)

    def enqueue_one(self) -> None:
        """Store one job, durably."""
        self.enqueue_many(1)

    def enqueue_many(self, jobs: int) -> None:
        """Store jobs in one transaction."""
        now = time.time_ns() // 1000
        with self._connection:
            self._connection.executemany(
                INSERT, ((str(uuid.uuid4()), "nothing", "default", "{}", now) for _ in range(jobs))
            )

    def drain(self, jobs: int, *, batch: int) -> None:
        """Claim and settle what is queued, one transaction for the settling of a batch and the claim of the next."""
        held: list[tuple[int, str, str, int]] = []
        done = 0
        while done < jobs:
            now = time.time_ns() // 1000
            with self._connection:
                self._connection.executemany(SETTLE, [(now, now + 1, row[0], row[3]) for row in held])
                done += len(held)
                held = list(self._connection.execute(CLAIM, (now, batch)))
