-- needs: meta
-- How many jobs there are of each queue, task and state: name and number in turns.

return meta.call("HGETALL", "counts")
