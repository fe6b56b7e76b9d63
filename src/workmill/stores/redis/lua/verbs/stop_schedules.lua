-- needs: meta ledger schedules planning cancelling ends
-- Stop schedules, and cancel their jobs that do not run, or all; forget the schedules behind that, where it is asked.
-- However many jobs there are, one script takes up to MOST; it answers which schedule it has come to, and behind which
-- place, or 0 where all is done.

local MOST = 5000
local asked = cmsgpack.unpack(ARGV[2]) -- names reasons is_whole is_forgotten behind
local left, behind = MOST, asked.behind

local function clear(name, reason)
  local made = meta.call("ZRANGEBYSCORE", "made:" .. name, "(" .. behind, "+inf", "LIMIT", 0, left)
  ledger.load(made)
  for _, id in ipairs(made) do
    local job = ledger.get(id)
    if job and (asked.is_whole or job[F.state] ~= "running") then
      cancelling.cancel(id, reason, false)
    end
  end
  left = left - #made
  if left == 0 then
    behind = meta.call("ZSCORE", "made:" .. name, made[#made])
  end
end

for _, name in ipairs(asked.names) do
  if not asked.is_forgotten or schedules.get(name) then
    planning.stop(name)
  end
end
local number = 1
while number <= #asked.names do
  if schedules.get(asked.names[number]) then
    clear(asked.names[number], asked.reasons[number])
  end
  if left == 0 then
    break
  end
  if asked.is_forgotten then
    schedules.forget(asked.names[number])
  end
  number, behind = number + 1, "0"
end
ends.conclude()
meta.press_on()
ledger.write()
return { left == 0 and number or 0, behind, meta.call("HGET", "schedules", asked.names[1]) }
