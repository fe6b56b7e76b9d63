-- needs: meta notices ledger
-- Schedules as they are stored, and what of them follows from the ends of jobs. Changes are written with the ledger's.
--
-- A record: plan (text), args, declared (the plan that code declared last), pause and overlap (as the plan has them),
-- is_declared is_active next_at last_at last_job version created_at changed_at. What is missing is nil.
--
--   schedules  name → record         schedule:names  all names         schedule:due  by the next time
--   loops      last job of a loop, while it has not ended → name

local schedules = {}
local stored, were, order = {}, {}, {}
local version = false

-- Return a schedule as it is now, changes of this script included; false where there is none that can be read.
function schedules.get(name)
  if stored[name] == nil then
    local text = meta.call("HGET", "schedules", name)
    local is_read, schedule = pcall(cmsgpack.unpack, text or "")
    stored[name] = text and is_read and type(schedule) == "table" and schedule
    were[name] = stored[name] and { next_at = schedule.next_at, last_job = schedule.last_job } or {}
  end
  return stored[name]
end

-- Return a schedule that must be stored.
function schedules.known(name)
  return schedules.get(name) or meta.refuse("schedule_missing", name)
end

-- Return whether the last job of a schedule has not ended.
local function is_under_way(schedule)
  local last = schedule.last_job and ledger.get(schedule.last_job)
  return last and not ledger.FINAL[last[F.state]]
end

local function write_one(name)
  local schedule, before = stored[name], were[name]
  if before.last_job then
    meta.call("HDEL", "loops", before.last_job)
  end
  if not (schedule and schedule.next_at) then
    meta.call("ZREM", "schedule:due", name)
  end
  if not schedule then
    meta.call("ZREM", "schedule:names", name)
    return meta.call("HDEL", "schedules", name)
  end
  meta.call("HSET", "schedules", name, cmsgpack.pack(schedule))
  meta.call("ZADD", "schedule:names", 0, name)
  if schedule.next_at then
    meta.call("ZADD", "schedule:due", schedule.next_at, name)
  end
  if schedule.pause and is_under_way(schedule) then
    meta.call("HSET", "loops", schedule.last_job, name)
  end
end

local function write()
  meta.is_written = true
  for _, name in ipairs(order) do
    write_one(name)
  end
  if version then
    redis.call("HSET", KEYS[1], "version", version)
  end
  stored, were, order, version = {}, {}, {}, false
end

local function touch(name)
  if #order == 0 then
    table.insert(ledger.later, write)
  end
  if not were[name].is_changed then
    were[name].is_changed = true
    order[#order + 1] = name
  end
end

-- Let a schedule be as is wanted, but that it has no next time where it is not active, nor while the job of a loop has
-- not ended. Its version rises above every other there ever was, so that nothing made of an earlier one fits it.
function schedules.put(name, wanted)
  local is_held = wanted.pause and is_under_way(wanted)
  schedules.get(name)
  wanted.is_active = wanted.is_active and (is_held or wanted.next_at ~= nil) or false
  if is_held or not wanted.is_active then
    wanted.next_at = nil
  end
  version = (version or tonumber(redis.call("HGET", KEYS[1], "version") or 0)) + 1
  wanted.version, wanted.changed_at = version, meta.now
  if wanted.next_at and wanted.next_at ~= were[name].next_at then
    notices.time()
  end
  stored[name] = wanted
  touch(name)
end

-- Forget a schedule.
function schedules.forget(name)
  schedules.get(name)
  stored[name] = false
  touch(name)
end

-- Let loops whose last job has just ended be due after their pause.
function schedules.follow(ended)
  for number, name in ipairs(meta.fields("loops", ended)) do
    local schedule = name and schedules.get(name)
    if schedule and schedule.last_job == ended[number] then
      if schedule.is_active and schedule.pause then
        schedule.next_at = meta.later(meta.now, schedule.pause)
        schedules.put(name, schedule)
      end
      touch(name)
    end
  end
end
