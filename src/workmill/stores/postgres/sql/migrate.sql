-- :name lock
SELECT pg_advisory_xact_lock(hashtext('workmill.version'), 0);

-- :name has_schema
SELECT to_regnamespace(%s) IS NOT NULL;

-- :name prepare
CREATE TABLE workmill.version (version integer NOT NULL);

-- :name note
WITH former AS (DELETE FROM workmill.version) INSERT INTO workmill.version (version) VALUES (%s);

-- :name version
SELECT max(version) FROM workmill.version;

-- :name adopt
SELECT workmill.adopt();
