-- needs: meta schedules
-- What people and code say of schedules. `new`: name plan args pause overlap next_at is_active version.

local planning = {}

local function with_plan(schedule, new)
  schedule.plan, schedule.args, schedule.overlap = new.plan, new.args, new.overlap
  schedule.pause, schedule.next_at = new.pause, new.next_at
  return schedule
end

local function blank(is_declared)
  return { is_declared = is_declared, created_at = meta.now }
end

-- Store a schedule, or edit the one of its name.
function planning.put(new)
  local before = schedules.get(new.name)
  local version = before and before.version or 0
  if new.version and new.version ~= version then
    meta.refuse("schedule_changed", new.name, before and string.format("%.0f", version) or "")
  end
  local schedule = with_plan(before or blank(false), new)
  schedule.is_active = new.is_active
  schedules.put(new.name, schedule)
end

-- Store what code says of schedules, each unless that is what it said before.
function planning.declare(news)
  for _, new in ipairs(news) do
    local before = schedules.get(new.name)
    if not before or before.declared ~= new.plan then
      local schedule = with_plan(before or blank(true), new)
      schedule.is_declared, schedule.declared = true, new.plan
      if not before then
        schedule.is_active = new.is_active
      end
      schedules.put(new.name, schedule)
    end
  end
end

-- Make a schedule active, with other arguments than the plan's where they are given.
function planning.start(name, next_at, args)
  local schedule = schedules.known(name)
  if schedule.is_active then
    meta.refuse("schedule_active", name)
  end
  schedule.args, schedule.next_at, schedule.is_active = args or schedule.args, next_at, true
  schedules.put(name, schedule)
end

-- Make a schedule inactive.
function planning.stop(name)
  local schedule = schedules.known(name)
  if schedule.is_active then
    schedule.is_active = false
    schedules.put(name, schedule)
  end
end
