-- needs: meta ledger rows ends cancelling
-- Cancel jobs, and do what follows from it.
--
-- ARGV[2]: the ids, the reason or false, whether running jobs are to be ended. Answers the jobs as they are then.

local asked = cmsgpack.unpack(ARGV[2])
local ids, reason, is_forced = asked[1], asked[2], asked[3]

ledger.load(ids)
for _, id in ipairs(ids) do
  cancelling.cancel(id, reason, is_forced)
end
ends.conclude()
meta.press_on()
ledger.write()
return rows.of(ids)
