-- Store one job that may begin at once, is a call to be made and nothing else, and comes while no rule is in force: what
-- an enqueue nearly always is. A caller waits for it, so this is `enqueue_plain` with no module made and no record read.
--
-- ARGV[2]: its id, its doc, its street, its queue, the two parts of its head, behind which stand the moment and its
-- place, its turn but for the place, the notice. Answers the moment; false where `enqueue_plain` is to be asked.

local known = redis.call("HMGET", KEYS[1], "epoch", "changes", "place", "clock", "ruled")
if known[1] ~= ARGV[1] then
  return { -1, "epoch" }
end
local id, doc, street, queue = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local prefix, kind = string.sub(KEYS[1], 1, -5), street .. "/queued"
local changes, place, now = (known[2] or 0) + 0, (known[3] or 0) + 1, tonumber(known[4])
if not now then
  local time = redis.call("TIME")
  now = time[1] * 1000000 + time[2]
end
local head = ARGV[6] .. cmsgpack.pack(now) .. ARGV[7] .. cmsgpack.pack(place)
if known[5] == "1" or redis.call("HSETNX", prefix .. "jobs", id, head) == 0 then
  return { changes, false }
end
redis.call("HSET", prefix .. "docs", id, doc)
redis.call("ZADD", prefix .. "kind:" .. kind, place, id)
redis.call("ZADD", prefix .. "lane:" .. street, ARGV[8] + place, id)
redis.call("HINCRBY", prefix .. "counts", kind, 1)
redis.call("HINCRBY", prefix .. "unbegun", queue, 1)
redis.call("SADD", prefix .. "streets", street)
redis.call("HSET", KEYS[1], "changes", changes + 1, "place", place)
redis.call("PUBLISH", prefix .. "q", ARGV[9])
return { changes + 1, string.format("%.0f", now), 1 }
