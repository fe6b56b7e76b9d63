-- needs: meta ledger following hindrance
-- What holds a job back: its pause, the parents that it waits for, the rules, how many are taken before it.

local id, named, most = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local job = ledger.get(id)
if not job then
  return false
end
local state = job[F.state]
if state ~= "waiting" and state ~= "queued" then
  return {}
end
local parents = following.open_parents(id)
local first = {}
for place = 1, math.min(#parents, named) do
  first[place] = parents[place]
end
local pause = meta.call("HGET", "pauses", job[F.queue])
return { pause, job[F.queue], first, #parents, hindrance.rules(job, named), hindrance.ahead(job, most) }
