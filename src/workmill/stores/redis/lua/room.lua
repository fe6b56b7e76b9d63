-- needs: meta places (rules rates gates telling)
-- How many more may begin of each subject, as this script sees it: by the rule that counts it, and by what it begins
-- itself. Without a rule it is without end.

local room = {}
local views, paused, was_full = {}, {}, {}

local function look(subject)
  local rule = rules.get(subject)
  local view = { left = math.huge, begun = 0, rule = rule }
  if rule and rule.running then
    view.left = rule.running - (tonumber(meta.call("HGET", "running", subject)) or 0)
  end
  if rule and rule.count then
    view.left = math.min(view.left, rates.left(subject, rule))
  end
  return view
end

local function view_of(subject)
  local view = views[subject]
  if not view then
    view = look(subject)
    views[subject] = view
  end
  return view
end

-- Whether nobody more may pass a gate.
function room.is_shut(gate)
  return meta.is_ruled and view_of("key:" .. gate).left <= 0
end

-- Whether jobs of a task on a queue may begin, as far as their gates let them.
function room.admits(queue, task)
  if not meta.is_ruled then
    return true
  end
  if paused[queue] == nil then
    paused[queue] = meta.call("HEXISTS", "pauses", queue) == 1
  end
  return not paused[queue] and view_of("queue:" .. queue).left > 0 and view_of("task:" .. task).left > 0
end

-- Count one that begins.
function room.take(subject)
  local view = view_of(subject)
  view.left, view.begun = view.left - 1, view.begun + 1
end

-- Let rates count what has begun.
function room.settle()
  for subject, view in pairs(views) do
    if view.begun > 0 and view.rule and view.rule.count then
      rates.add(subject, view.rule, view.begun)
    end
  end
end

-- Let those be looked at again who may begin because attempts have ended: as `ledger.write` has just written it.
function room.free()
  if not meta.is_ruled then
    return
  end
  for subject, number in pairs(places.freed) do
    local rule = rules.get(subject)
    if rule and rule.running then
      local running = tonumber(meta.call("HGET", "running", subject)) or 0
      was_full[subject] = running + number >= rule.running
      if string.sub(subject, 1, 4) == "key:" then
        gates.reopen(string.sub(subject, 5))
      end
    end
  end
end

-- Tell where jobs can begin because others have ended, as far as this script has not taken them.
function room.tell()
  for subject, is_so in pairs(was_full) do
    if is_so and view_of(subject).left > 0 then
      telling.of(subject)
    end
  end
end
