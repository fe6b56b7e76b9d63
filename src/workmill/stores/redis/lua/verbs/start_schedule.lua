-- needs: meta ledger planning
-- Make a schedule active.

local asked = cmsgpack.unpack(ARGV[2])
planning.start(asked.name, asked.next_at, asked.args)
ledger.write()
return meta.call("HGET", "schedules", asked.name)
