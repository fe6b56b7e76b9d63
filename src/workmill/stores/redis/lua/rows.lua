-- needs: meta
-- Jobs as answers have them: id, head, doc, result, failure, progress, each as it is stored; false for what is not there.
-- They are read from the server, so a script that has changed jobs asks for them behind its `ledger.write`.

local rows = {}
local SIDES = { "jobs", "docs", "results", "failures", "progress" }

-- Return the rows of jobs in the order in which they are named; false for each that is not stored.
function rows.of(ids)
  local found = {}
  for place, side in ipairs(SIDES) do
    for number, text in ipairs(meta.fields(side, ids)) do
      if place == 1 then
        found[number] = text and { ids[number] }
      end
      if found[number] then
        found[number][place + 1] = text
      end
    end
  end
  return found
end
