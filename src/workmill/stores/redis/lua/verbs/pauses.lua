-- needs: meta
-- The paused queues, each followed by since when and by whom.

return meta.call("HGETALL", "pauses")
