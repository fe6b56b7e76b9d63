-- needs: meta following
-- Whom jobs follow: for each its parents in the order in which it named them.

local answer = {}
for place, id in ipairs(cmsgpack.unpack(ARGV[2])) do
  answer[place] = following.parents(id)
end
return answer
