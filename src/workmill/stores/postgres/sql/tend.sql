-- :name promote
SELECT ids, queues, next_in, reached, EXISTS (SELECT 1 FROM workmill.rule WHERE rule.waiting IS NOT NULL)
FROM workmill.promote(%s, %s);

-- :name expire
SELECT workmill.expire(%s, %s);

-- :name prune
SELECT pruned, reached FROM workmill.prune(%s, %s);

-- :name add_up
SELECT workmill.add_up(%s);
