-- needs: meta ledger
-- Which job was stored last under a unique name for its task, and which running one that was to wait for.
--
-- Nothing is released: whether either is in anybody's way is seen when somebody asks.

local slots = {}
local STATES, WITHIN = 2, 3 -- of what a new job says

local function slot_of(job)
  return job[F.task] .. "/" .. job[F.slot]
end

-- Return the two jobs, as ids; false for each that there is not.
local function holders_of(job)
  local text = ledger.side("slots", slot_of(job))
  if not text then
    return false, false
  end
  local holders = cmsgpack.unpack(text)
  return holders[1], holders[2]
end

local function conflicts(unique, id)
  local job = id and ledger.get(id)
  if not job or unique[WITHIN] and meta.later(job[F.created_at], unique[WITHIN]) <= meta.now then
    return false
  end
  for _, state in ipairs(unique[STATES]) do
    if job[F.state] == state then
      return true
    end
  end
  return false
end

-- Read what new jobs, as their heads, will ask for, all in one go.
function slots.read(heads)
  local names, ids = {}, {}
  for place, job in ipairs(heads) do
    names[place] = slot_of(job)
  end
  ledger.read("slots", names)
  for _, job in ipairs(heads) do
    local last, awaited = holders_of(job)
    ids[#ids + 1] = last or nil
    ids[#ids + 1] = awaited or nil
  end
  ledger.load(ids)
end

-- Return the job that a new one conflicts with; nil where there is none.
function slots.in_the_way(job, unique)
  local last, awaited = holders_of(job)
  return conflicts(unique, last) and last or conflicts(unique, awaited) and awaited or nil
end

-- Return the job, if it runs still, for whose end the last under a new one's name was to wait.
function slots.awaited(job)
  local _, id = holders_of(job)
  local awaited = id and ledger.get(id)
  return awaited and awaited[F.state] == "running" and id or nil
end

-- Let a new job be the last under its name, and note which running one it must wait for: the one that it replaces, or
-- the one which that waited for.
function slots.take(id, job, replaced)
  local _, awaited = holders_of(job)
  if not replaced then
    awaited = false
  elseif ledger.get(replaced)[F.state] == "running" then
    awaited = replaced
  end
  ledger.put("slots", slot_of(job), cmsgpack.pack({ id, awaited }))
end
