-- needs: meta
-- Streets: the queued jobs of one task on one queue, named `queue/task`. The set `streets` has those that jobs without
-- gates stand in, and as `queue/task/gated` those that jobs with gates stand in.

local streets = {}

-- Return the queue and the task of a street, and what follows behind them.
function streets.split(street)
  return string.match(street, "^([^/]*)/([^/]*)(.*)$")
end

local function set_of(names)
  local set = {}
  for _, name in ipairs(names) do
    set[name] = true
  end
  return set
end

-- Return the streets of these tasks on these queues (false: on all), those without gates and those with.
function streets.named(tasks, queues)
  local plain, gated, wanted, on = {}, {}, set_of(tasks), queues and set_of(queues)
  for _, street in ipairs(meta.call("SMEMBERS", "streets")) do
    local queue, task, is_gated = streets.split(street)
    if wanted[task] and (not on or on[queue]) then
      local found = is_gated == "" and plain or gated
      found[#found + 1] = queue .. "/" .. task
    end
  end
  return plain, gated
end
