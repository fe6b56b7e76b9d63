-- needs: ledger firing storing
-- Let one schedule make its jobs.
--
-- ARGV[2]: the tick, as `firing` takes it; then the docs of its jobs. Answers what became of it, and what `storing` says.

local verdict, stored = firing.fire(cmsgpack.unpack(ARGV[2]), { unpack(ARGV, 3) })
ledger.write()
return { verdict, storing.answered(stored) }
