-- needs: meta ledger roster channels
-- Forget what has been kept for long enough: jobs that have ended, messages, workers.
--
-- ARGV[2]: how many jobs at most. Answers how many they were.

local limit = tonumber(ARGV[2])
local HOUR = 3600000000 -- after which a job that others follow is looked at again

-- Return the next jobs whose time is over; those among them that others follow are put off.
local function look(number, behind)
  local ids = meta.call("ZRANGEBYSCORE", "expiring", "-inf", meta.now, "LIMIT", behind, number)
  local awaited, over, later = meta.fields("awaited", ids), {}, {}
  for place, id in ipairs(ids) do
    if awaited[place] then
      later[#later + 1] = meta.later(meta.now, HOUR)
      later[#later + 1] = id
    else
      over[#over + 1] = id
    end
  end
  meta.is_written = meta.is_written or #ids > 0
  meta.call_many("ZADD", "expiring", later)
  return over, #ids
end

-- Forget jobs; one whose record cannot be read is left where it is, but not looked at again.
local function forget(ids)
  ledger.load(ids)
  for _, id in ipairs(ids) do
    if ledger.get(id) then
      ledger.delete(id)
    else
      meta.call("ZREM", "expiring", id)
    end
  end
end

meta.press_on()
roster.forget()
channels.forget()
local gone = {}
repeat
  local over, seen = look(limit - #gone, #gone)
  for _, id in ipairs(over) do
    gone[#gone + 1] = id
  end
until seen == 0 or #gone >= limit
forget(gone)
ledger.write()
return #gone
