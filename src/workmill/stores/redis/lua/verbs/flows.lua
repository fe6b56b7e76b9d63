-- needs: meta
-- Flows, those begun last first: id, place, and how it stands; and the place below which to go on, false where all is said.

local MOST = 500
local below, limit = ARGV[2], math.min(tonumber(ARGV[3]), MOST)
local found = meta.call("ZREVRANGEBYSCORE", "flows", "(" .. below, "-inf", "WITHSCORES", "LIMIT", 0, limit)
local answer = {}
for place = 1, #found, 2 do
  answer[#answer + 1] = { found[place], found[place + 1], meta.call("HGETALL", "flow:" .. found[place]) }
end
return { answer, #answer == limit and answer[#answer][2] }
