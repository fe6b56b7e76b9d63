-- needs: meta ledger ends (room)
-- Let a job fail that cannot be read, unless it has ended or was claimed again since.
--
-- ARGV[2]: id, token, failure, keep, and what takes the place of its doc and, where that is damaged, of its progress.

local asked = cmsgpack.unpack(ARGV[2])
local id, token, failure, keep, doc, progress = asked[1], asked[2], asked[3], asked[4], asked[5], asked[6]
local job = ledger.get(id)

if not job or ledger.FINAL[job[F.state]] or job[F.token] ~= token then
  return
end
if job[F.state] == "running" then
  local ended = { job[F.attempt], token, job[F.worker], job[F.started_at], meta.now, "failed", failure }
  ledger.put("attempts", id, (ledger.side("attempts", id) or "") .. cmsgpack.pack(ended))
end
ledger.put("failures", id, failure)
ledger.put("docs", id, doc)
ledger.put("progress", id, progress)
ledger.finish(id, "failed", keep)
ends.conclude()
meta.press_on()
ledger.write()
room.free()
room.tell()
