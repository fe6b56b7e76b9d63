-- needs: meta roster rows
-- Running jobs whose worker has no live lease.

meta.press_on()
return rows.of(roster.orphans(tonumber(ARGV[2])))
