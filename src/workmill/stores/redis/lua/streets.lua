-- needs: meta notices
-- Streets: the queued jobs of one task on one queue, named `queue/task`. The set `streets` has those that jobs without
-- gates stand in, the set `gated` those that jobs with gates stand in.

local streets = {}

-- Return the queue and the task of a street.
function streets.split(street)
  return string.match(street, "^([^/]*)/(.*)$")
end

local function set_of(names)
  local set = {}
  for _, name in ipairs(names) do
    set[name] = true
  end
  return set
end

-- Return the streets of these tasks on these queues (false: on all) in one of the two sets.
function streets.named(set, tasks, queues)
  local found, wanted, on = {}, set_of(tasks), queues and set_of(queues)
  for _, street in ipairs(meta.call("SMEMBERS", set)) do
    local queue, task = streets.split(street)
    if wanted[task] and (not on or on[queue]) then
      found[#found + 1] = street
    end
  end
  return found
end

-- Call `visit(queue, task)` for the streets that anybody stands in; for some of them twice.
local function each(visit)
  for _, set in ipairs({ "streets", "gated" }) do
    for _, street in ipairs(meta.call("SMEMBERS", set)) do
      local queue, task = streets.split(street)
      visit(queue, task)
    end
  end
end

-- Tell of the queues on which jobs stand that rules count as a subject: `queue:<name>`, `task:<name>`, `key:<gate>`.
function streets.tell(subject)
  local scope, name = string.match(subject, "^(%a+):(.*)$")
  if scope == "key" then
    for _, street in ipairs(meta.call("HKEYS", "before:" .. name)) do
      notices.queue((streets.split(street)))
    end
    return
  end
  each(function(queue, task)
    if name == (scope == "queue" and queue or task) then
      notices.queue(queue)
    end
  end)
end

