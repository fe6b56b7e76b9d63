-- needs: meta leases rows
-- Running jobs whose worker has no live lease.

meta.press_on()
return rows.of(leases.orphans(tonumber(ARGV[2])))
