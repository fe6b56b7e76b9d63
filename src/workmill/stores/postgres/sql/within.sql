-- :name store_name
SELECT workmill.store_name();

-- :name enqueue
SELECT * FROM workmill.enqueue_within(%s::text);

-- :name ruled
SELECT * FROM workmill.enqueue_ruled(%s::text);

-- :name settle
SELECT workmill.settle_within(%s::text);
