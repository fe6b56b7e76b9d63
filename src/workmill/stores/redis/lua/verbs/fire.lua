-- needs: ledger firing storing
-- Let one schedule make its jobs.
--
-- ARGV[2]: the tick; ARGV[3]: its jobs as `storing` takes them; then their docs. Answers what became of the tick, and what
-- `storing` says of the jobs.

local tick = cmsgpack.unpack(ARGV[2])
tick.jobs = cmsgpack.unpack(ARGV[3])
local verdict, stored = firing.fire(tick, { unpack(ARGV, 4) })
ledger.write()
return { verdict, storing.answered(stored) }
