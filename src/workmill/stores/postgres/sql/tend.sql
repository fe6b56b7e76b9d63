-- :name promote
SELECT ids, queues, next_in FROM workmill.promote(%s);

-- :name prune
SELECT workmill.prune(%s, %s);
