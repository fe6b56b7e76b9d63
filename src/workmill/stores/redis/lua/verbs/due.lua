-- needs: meta
-- Schedules that are due, those longest due first; the present moment, and when the next behind them is due.

local limit = tonumber(ARGV[2])
local found = meta.call("ZRANGE", "schedule:due", 0, limit, "WITHSCORES")
local names, next_at = {}, false
for place = 1, #found, 2 do
  if #names == limit or tonumber(found[place + 1]) > meta.now then
    next_at = found[place + 1]
    break
  end
  names[#names + 1] = found[place]
end
return { string.format("%.0f", meta.now), next_at, meta.fields("schedules", names) }
