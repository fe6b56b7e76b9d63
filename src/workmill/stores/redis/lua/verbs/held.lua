-- needs: meta ledger rows
-- The jobs that a worker, or one of its engines, holds.

local ids = meta.call("ZRANGE", "held:" .. ARGV[2], 0, -1)
local engine = tonumber(ARGV[3])
if not engine then
  return rows.of(ids)
end
local found = {}
ledger.load(ids)
for _, id in ipairs(ids) do
  local job = ledger.get(id)
  if job and job[F.engine] == engine then
    found[#found + 1] = id
  end
end
return rows.of(found)
