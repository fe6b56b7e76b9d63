-- needs: meta ledger (cancelling ends rates)
-- Queue jobs whose time has come, end those that may not begin any more, and let rates open.
--
-- ARGV[2]: of how many at most. Answers how many were queued, and in how many microseconds the next is due; false for
-- never.

local limit = tonumber(ARGV[2])

-- Return up to so many of those that stand in a line by moments that have come.
local function first(key, number)
  return meta.call("ZRANGEBYSCORE", key, "-inf", meta.now, "LIMIT", 0, number)
end

-- Queue a job that is due; say whether it was. One whose record cannot be read leaves the line, so as not to block it.
local function promote(id)
  local job = ledger.get(id)
  if not job then
    meta.is_written = true
    meta.call("ZREM", "due", id)
  elseif job[F.state] == "scheduled" or job[F.state] == "retrying" then
    ledger.change(id)[F.state] = "queued"
    return true
  end
  return false
end

-- Return how long it is until the first thing has its time.
local function next_in()
  local nearest = meta.is_ruled and rates.next_at() or nil
  for _, key in ipairs({ "due", "lapsing" }) do
    local moment = tonumber(meta.call("ZRANGE", key, 0, 0, "WITHSCORES")[2])
    nearest = moment and math.min(moment, nearest or moment) or nearest
  end
  return nearest and string.format("%.0f", math.max(0, nearest - meta.now)) or false
end

local late = first("lapsing", limit)
if #late > 0 then
  cancelling.expire(late)
end
local due, promoted = first("due", limit + #late), 0
ledger.load(due)
for _, id in ipairs(due) do
  if promoted < limit and promote(id) then
    promoted = promoted + 1
  end
end
if #late > 0 then
  ends.conclude()
end
meta.press_on()
ledger.write()
if meta.is_ruled then
  rates.open()
end
return { promoted, next_in() }
