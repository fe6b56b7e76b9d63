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
