-- needs: meta ledger (following schedules)
-- What follows from the ends of jobs, whoever let them end. For most it is nothing, and that costs one look.

local ends = {}
local seen = 0 -- how many of the ended jobs
local has_followers, has_loops -- whether an end may concern anybody, once that was asked

local function look()
  if has_loops == nil then
    local is_any = redis.call("EXISTS", meta.prefix .. "awaited", meta.prefix .. "loops") > 0
    has_followers = is_any and meta.call("EXISTS", "awaited") == 1
    has_loops = is_any and meta.call("EXISTS", "loops") == 1
  end
  return has_followers or has_loops or ledger.is_tied
end

local function next_wave()
  local wave = {}
  for place = seen + 1, #ledger.ended do
    wave[#wave + 1] = ledger.ended[place]
  end
  seen = #ledger.ended
  return wave
end

-- Do what follows from every end in this script so far, and from the ends that come of that, however long the chains are.
-- Say whether anything could.
function ends.conclude()
  local is_any = #ledger.ended > seen and look()
  while seen < #ledger.ended do
    if not is_any then
      seen = #ledger.ended
      return false
    end
    local wave = next_wave()
    if has_followers or ledger.is_tied then
      following.follow(wave)
    end
    if has_loops then
      schedules.follow(wave)
    end
  end
  return is_any
end
