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

-- Return the streets on a queue in one of the two sets.
function streets.on(set, queue)
  local found = {}
  for _, street in ipairs(meta.call("SMEMBERS", set)) do
    if streets.split(street) == queue then
      found[#found + 1] = street
    end
  end
  return found
end

-- Return the streets on which jobs stand that rules may count as a subject.
local function around(subject)
  local gate = string.match(subject, "^key:(.*)$")
  if gate then
    return meta.call("HKEYS", "before:" .. gate)
  end
  local found = meta.call("SMEMBERS", "streets")
  for _, street in ipairs(meta.call("SMEMBERS", "gated")) do
    found[#found + 1] = street
  end
  return found
end

-- Tell of the queues on which jobs stand that rules count as a subject: `queue:<name>`, `task:<name>`, `key:<gate>`.
function streets.tell(subject)
  local scope, name = string.match(subject, "^(%a+):(.*)$")
  for _, street in ipairs(around(subject)) do
    local queue, task = streets.split(street)
    if scope == "key" or name == (scope == "queue" and queue or task) then
      notices.queue(queue)
    end
  end
end
