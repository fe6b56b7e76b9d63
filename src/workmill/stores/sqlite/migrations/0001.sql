-- Times are microseconds since 1970 in UTC. `seq` is the order of storing.
CREATE TABLE job (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    task TEXT NOT NULL,
    queue TEXT NOT NULL,
    priority INTEGER NOT NULL,
    state TEXT NOT NULL,
    args TEXT NOT NULL,
    policy TEXT NOT NULL,
    key TEXT,
    attempt INTEGER NOT NULL DEFAULT 0,
    deaths INTEGER NOT NULL DEFAULT 0,
    token INTEGER NOT NULL DEFAULT 0,
    version INTEGER NOT NULL DEFAULT 1,
    progress TEXT,
    result TEXT,
    failure TEXT,
    worker TEXT,
    engine INTEGER,
    created_at INTEGER NOT NULL,
    run_at INTEGER,
    started_at INTEGER,
    finished_at INTEGER,
    expires_at INTEGER,
    cancel_requested_at INTEGER,
    cancel_reason TEXT,
    cancel_forced INTEGER NOT NULL DEFAULT 0,
    retry_of TEXT
) STRICT;

CREATE UNIQUE INDEX job_key ON job (task, key) WHERE key IS NOT NULL;
CREATE INDEX job_queued ON job (queue, task, priority DESC, seq) WHERE state = 'queued';
CREATE INDEX job_running ON job (worker) WHERE state = 'running';
CREATE INDEX job_due ON job (run_at) WHERE state IN ('scheduled', 'retrying');
CREATE INDEX job_expiry ON job (expires_at) WHERE expires_at IS NOT NULL;

-- Serves the listing of all that is neither queued nor running: those two have an index of their own, and a job in
-- the hot path enters this one only once, at its end.
CREATE INDEX job_listing ON job (state, task, queue, seq, created_at) WHERE state NOT IN ('queued', 'running');

-- The attempts that ended otherwise than by success: a successful one is told by the job itself.
CREATE TABLE attempt (
    seq INTEGER NOT NULL,
    token INTEGER NOT NULL,
    number INTEGER NOT NULL,
    worker TEXT,
    started_at INTEGER,
    ended_at INTEGER NOT NULL,
    ending TEXT NOT NULL,
    failure TEXT,
    PRIMARY KEY (seq, token)
) STRICT, WITHOUT ROWID;

-- From `seq` on jobs were stored while the clock was in one block of ten seconds. A listing by time of creation finds by
-- this where to begin and end, whatever the clock did in between, and no job pays for an index on that time.
CREATE TABLE stretch (
    seq INTEGER PRIMARY KEY,
    block INTEGER NOT NULL
) STRICT;

-- How many jobs there are of each kind, kept up by every verb in its own transaction.
CREATE TABLE tally (
    state TEXT NOT NULL,
    task TEXT NOT NULL,
    queue TEXT NOT NULL,
    jobs INTEGER NOT NULL,
    PRIMARY KEY (state, task, queue)
) STRICT, WITHOUT ROWID;

CREATE TABLE worker (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    queues TEXT,
    tasks TEXT NOT NULL,
    concurrency INTEGER NOT NULL,
    lease INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    lease_ends_at INTEGER NOT NULL,
    leads INTEGER NOT NULL DEFAULT 0,
    ordered TEXT NOT NULL DEFAULT 'work'
) STRICT;

CREATE UNIQUE INDEX worker_leader ON worker (leads) WHERE leads = 1;

-- One job as one JSON array, in the order that `rows.job_of` reads.
CREATE VIEW job_row (seq, body) AS
SELECT seq, json_array(
    seq, id, task, queue, priority, state, args, policy, key, attempt, deaths, token, version, progress, result,
    failure, worker, engine, created_at, run_at, started_at, finished_at, expires_at, cancel_requested_at,
    cancel_reason, cancel_forced, retry_of
) FROM job;
