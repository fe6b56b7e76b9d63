-- Who follows whom, by places in the order of storing. `needs`: what must become of the parent. A child that waits for a
-- parent's end without having named it, needs its end. A tie stays as long as both are stored.
CREATE TABLE tie (
    parent INTEGER NOT NULL,
    child INTEGER NOT NULL,
    needs TEXT NOT NULL,
    PRIMARY KEY (parent, child)
) STRICT, WITHOUT ROWID;

-- Whom a job follows: their ids as a JSON array, in the order in which they were named.
CREATE TABLE parents (
    seq INTEGER PRIMARY KEY,
    ids TEXT NOT NULL
) STRICT;

-- The jobs that are `waiting`, with how many of their parents have not ended. `hoped`: of how many of those the failure is
-- needed; NULL where none is. `delay`: how long after the last end it may begin.
CREATE TABLE waiting (
    seq INTEGER PRIMARY KEY,
    missing INTEGER NOT NULL,
    hoped INTEGER,
    has_failure INTEGER NOT NULL DEFAULT 0,
    delay INTEGER
) STRICT;

-- The flows, each at the place of its first job.
CREATE TABLE flow (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE member (
    flow INTEGER NOT NULL,
    job INTEGER NOT NULL,
    PRIMARY KEY (flow, job)
) STRICT, WITHOUT ROWID;

-- The jobs that schedules have made, and those of them that have not ended.
CREATE TABLE made (
    schedule TEXT NOT NULL,
    job INTEGER NOT NULL,
    PRIMARY KEY (schedule, job)
) STRICT, WITHOUT ROWID;

CREATE TABLE pending (
    schedule TEXT NOT NULL,
    job INTEGER NOT NULL,
    PRIMARY KEY (schedule, job)
) STRICT, WITHOUT ROWID;

-- `declared`: the plan that code declared last, where it does. `pause`: that of a loop. The plan itself is text that only
-- Python reads.
CREATE TABLE schedule (
    name TEXT PRIMARY KEY,
    plan TEXT NOT NULL,
    declared TEXT,
    is_active INTEGER NOT NULL,
    pause INTEGER,
    next_at INTEGER,
    last_at INTEGER,
    last_job TEXT,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX schedule_due ON schedule (next_at, name) WHERE next_at IS NOT NULL;
CREATE INDEX schedule_loop ON schedule (last_job) WHERE pause IS NOT NULL;

-- The highest version of any schedule there ever was, so that one that is deleted and made again is another.
CREATE TABLE schedule_version (
    newest INTEGER NOT NULL
) STRICT;

INSERT INTO schedule_version (newest) VALUES (0);

-- What was published, in the order of the commits: no number is ever given twice.
CREATE TABLE message (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    channel TEXT NOT NULL,
    data TEXT NOT NULL,
    published_at INTEGER NOT NULL
) STRICT;

CREATE INDEX message_channel ON message (channel, seq);
CREATE INDEX message_age ON message (published_at);

CREATE TABLE subscription (
    channel TEXT NOT NULL,
    task TEXT NOT NULL,
    queue TEXT NOT NULL,
    priority INTEGER NOT NULL,
    policy TEXT NOT NULL,
    parameter TEXT NOT NULL,
    PRIMARY KEY (channel, task)
) STRICT, WITHOUT ROWID;
