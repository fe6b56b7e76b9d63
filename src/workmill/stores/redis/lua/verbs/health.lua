-- needs: meta
-- The present moment, what was lost last, and when.

local lost = redis.call("HMGET", KEYS[1], "lost", "lost_at")
return { string.format("%.0f", meta.now), lost[1], lost[2] }
