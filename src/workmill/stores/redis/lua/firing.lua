-- needs: meta ledger schedules storing cancelling ends
-- How schedules make their jobs: each tick by itself, whole or not at all.

local firing = {}
local PAGE = 1000

local function gather(found, ids, most)
  ledger.load(ids)
  for _, id in ipairs(ids) do
    local job = ledger.get(id)
    if job and not ledger.FINAL[job[F.state]] and #found < most then
      found[#found + 1] = id
    end
  end
end

-- Return up to `most` jobs of a schedule that have not ended, in the order of storing; `made` are those of this tick.
local function unfinished(name, made, most)
  local found, first, ids = {}, 0, nil
  repeat
    ids = meta.call("ZRANGE", "made:" .. name, first, first + PAGE - 1)
    gather(found, ids, most)
    first = first + PAGE
  until #found >= most or #ids < PAGE
  gather(found, made, most)
  return found
end

local function is_stale(schedule, tick)
  if tick.version then
    return not schedule.is_active or schedule.version ~= tick.version
  end
  for _, new in ipairs(tick.jobs) do
    if ledger.get(new[1]) then
      return true
    end
  end
  return false
end

-- Return whether the overlap rule lets a job be stored, and those for whose end it must wait.
local function may_store(schedule, tick, number, made)
  local rule = schedule.pause and "skip" or schedule.overlap
  if rule == "allow" then
    return true
  end
  local most = rule == "skip" and 1 or rule == "queue" and tick.most_queued or math.huge
  local there = unfinished(tick.schedule, made, most)
  if rule ~= "cancel" then
    return #there < most, there
  end
  for _, id in ipairs(there) do
    cancelling.cancel(id, tick.reasons[number], false)
  end
  ends.conclude()
  return true, unfinished(tick.schedule, made, most)
end

local function store_all(schedule, tick, docs)
  local made, stored = {}, {}
  storing.prepare(tick.jobs)
  for number, new in ipairs(tick.jobs) do
    local is_stored, behind = may_store(schedule, tick, number, made)
    local id, is_created
    if is_stored then
      id, is_created = storing.store(new, docs[number], behind and #behind > 0 and behind or nil)
    end
    if id then
      made[#made + 1] = id
    end
    stored[number] = id and { id, is_created } or false
  end
  return stored, made[#made]
end

local function write_after(schedule, tick, last_job)
  schedule.last_job = last_job or schedule.last_job
  if tick.version then
    schedule.last_at, schedule.next_at = tick.at, tick.next_at
  end
  if schedule.pause and schedule.is_active then
    schedule.next_at = meta.later(meta.now, schedule.pause)
  end
  schedules.put(tick.schedule, schedule)
end

-- Let a schedule make the jobs of one tick: schedule version at next_at most_queued, jobs as `storing` takes them, reasons
-- for which others would make room for each. Return what became of it, and of each job its id and whether it is new, or
-- false where it was not stored.
function firing.fire(tick, docs)
  local schedule = schedules.get(tick.schedule)
  if not schedule or is_stale(schedule, tick) then
    return "stale", {}
  end
  local stored, last_job = store_all(schedule, tick, docs)
  if tick.version or last_job then
    write_after(schedule, tick, last_job)
  end
  ends.conclude()
  return #tick.jobs > 0 and not last_job and "skipped" or "fired", stored
end
