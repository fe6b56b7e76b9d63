-- needs: meta leases rows
-- Running jobs whose worker has no live lease.

return rows.of(leases.orphans(tonumber(ARGV[2])))
