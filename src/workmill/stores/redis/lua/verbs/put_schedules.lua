-- needs: meta ledger planning
-- Store schedules, or edit those of the same names, all or none.

local names = {}
for place, new in ipairs(cmsgpack.unpack(ARGV[2])) do
  planning.put(new)
  names[place] = new.name
end
ledger.write()
return meta.fields("schedules", names)
