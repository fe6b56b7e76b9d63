-- needs: meta ledger storing
-- Store jobs one after the other, all or none.
--
-- ARGV[2]: the new jobs; then their docs. Answers what `storing.answered` says.

local news, stored = cmsgpack.unpack(ARGV[2]), {}
local DOCS = 2 -- the last argument before them

storing.prepare(news)
for number, new in ipairs(news) do
  local id, is_created = storing.store(new, ARGV[DOCS + number], nil, true)
  stored[number] = id and { id, is_created } or false
end
ledger.write()
return storing.answered(stored)
