-- Times are microseconds since 1970 in UTC. `seq` is the order of storing. `begin_by`: of a job that has not
-- begun, from when on it may not any more. `followed`: who follows it, the sum of 1 for other jobs and 2 for a loop.
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
    retry_of TEXT,
    ties TEXT,
    strand INTEGER,
    begin_by INTEGER,
    followed INTEGER
) STRICT;

CREATE UNIQUE INDEX job_key ON job (task, key) WHERE key IS NOT NULL;
CREATE INDEX job_queued ON job (queue, task, priority DESC, seq) WHERE state = 'queued' AND strand IS NULL;
CREATE INDEX job_running ON job (worker) WHERE state = 'running';
CREATE INDEX job_due ON job (run_at) WHERE state IN ('scheduled', 'retrying');
CREATE INDEX job_expiry ON job (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX job_strand ON job (strand, state, priority DESC, seq) WHERE strand IS NOT NULL;
CREATE INDEX job_begin_by ON job (begin_by) WHERE begin_by IS NOT NULL;

-- Serves the listing of all that is neither queued nor running: those two have an index of their own, and a job in
-- the hot path enters this one only once, at its end. Jobs in strands are in it from the beginning.
CREATE INDEX job_listing ON job (state, task, queue, seq, created_at)
WHERE state NOT IN ('queued', 'running') OR strand IS NOT NULL;

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

-- What holds for a queue, a task, or each key of one name. `declared` is what code says, where it does; the columns say
-- what is in force, which is another where `is_set` by hand. `opens_at`: when its rate lets jobs begin again that it has
-- held back, until promote tells of it.
CREATE TABLE rule (
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    running INTEGER,
    rate_count INTEGER,
    rate_per INTEGER,
    waiting INTEGER,
    declared TEXT,
    is_set INTEGER NOT NULL DEFAULT 0,
    opens_at INTEGER,
    PRIMARY KEY (scope, name)
) STRICT, WITHOUT ROWID;

-- How many attempts began when, under each rule that has a rate. Of gates also the key.
CREATE TABLE start (
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    at INTEGER NOT NULL,
    jobs INTEGER NOT NULL,
    PRIMARY KEY (scope, name, key, at)
) STRICT, WITHOUT ROWID;

CREATE INDEX start_at ON start (at);

CREATE TABLE pause (
    queue TEXT PRIMARY KEY,
    since INTEGER NOT NULL,
    by TEXT
) STRICT, WITHOUT ROWID;

-- The keys that jobs are counted under, each with how many of its jobs run. `opens_at`: until when its rate lets no more
-- begin, until promote or a claim sees that it is over. `is_ajar`: it lets jobs through, and may hold strands all the same.
CREATE TABLE gate (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    running INTEGER NOT NULL DEFAULT 0,
    opens_at INTEGER,
    is_ajar INTEGER NOT NULL DEFAULT 0,
    UNIQUE (name, key)
) STRICT;

CREATE INDEX gate_opening ON gate (opens_at) WHERE opens_at IS NOT NULL;

-- The lines of jobs that pass the same gates. `priority` and `head` are those of its first queued job. One that is
-- `held_by` a gate is not looked at by claims: the gate is closed, or ajar, and then there is, among the strands of the
-- same task and queue that pass it and are free, one whose first job comes before this one's.
CREATE TABLE strand (
    id INTEGER PRIMARY KEY,
    task TEXT NOT NULL,
    queue TEXT NOT NULL,
    gates TEXT NOT NULL,
    priority INTEGER,
    head INTEGER,
    held_by INTEGER,
    UNIQUE (task, queue, gates)
) STRICT;

CREATE INDEX strand_open ON strand (task, queue, priority DESC, head) WHERE head IS NOT NULL AND held_by IS NULL;
CREATE INDEX strand_held ON strand (held_by, task, queue, priority DESC, head)
WHERE head IS NOT NULL AND held_by IS NOT NULL;

-- Which strands pass which gates. `is_free`: it has queued jobs and nothing holds it.
CREATE TABLE pass (
    gate INTEGER NOT NULL,
    strand INTEGER NOT NULL,
    is_free INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (gate, strand)
) STRICT, WITHOUT ROWID;

CREATE INDEX pass_strand ON pass (strand, gate);
CREATE INDEX pass_free ON pass (gate) WHERE is_free = 1;

CREATE TRIGGER strand_moved AFTER UPDATE OF head, held_by ON strand
WHEN (old.head IS NOT NULL AND old.held_by IS NULL) IS NOT (new.head IS NOT NULL AND new.held_by IS NULL)
BEGIN UPDATE pass SET is_free = (new.head IS NOT NULL AND new.held_by IS NULL) WHERE strand = new.id; END;

-- The job that was stored last under a name that is to be unique, for its task. Nothing is ever released: whether that
-- job is still in the way is seen by looking at it. `behind`: the running job whose end it was made to wait for, because it
-- replaced that one.
CREATE TABLE slot (
    task TEXT NOT NULL,
    name TEXT NOT NULL,
    seq INTEGER NOT NULL,
    behind INTEGER,
    PRIMARY KEY (task, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX slot_job ON slot (seq);
CREATE INDEX slot_behind ON slot (behind) WHERE behind IS NOT NULL;

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
    cancel_reason, cancel_forced, retry_of, ties
) FROM job;
