-- needs: meta ledger
-- Store how far jobs are, each if its claim is the newest.
--
-- ARGV[2]: id, token and progress of each. Answers for each whether it was stored.

local reports, ids, answers = cmsgpack.unpack(ARGV[2]), {}, {}
local ID, TOKEN, PROGRESS = 1, 2, 3

for place, one in ipairs(reports) do
  ids[place] = one[ID]
end
ledger.load(ids)
for place, one in ipairs(reports) do
  local job = ledger.get(one[ID])
  answers[place] = job and job[F.state] == "running" and job[F.token] == one[TOKEN] and 1 or 0
  if answers[place] == 1 then
    ledger.change(one[ID])
    ledger.put("progress", one[ID], one[PROGRESS])
  end
end
meta.press_on()
ledger.write()
return answers
