-- needs: meta leases
-- The workers: what they are, how their leases last, and who leads.
--
--   workers   by id: what a worker says of itself, how long its lease is, when it came, its number, its order
--   leases    by the end of the lease, of all that are remembered
--   holders   likewise, of those that may hold jobs: all but those whose lease has ended and who were seen with none

local roster = {}
local DAY = 86400000000 -- how long a worker is remembered after its lease ended
local ABOUT, SKILLS, LENGTH, SINCE, NUMBER, ORDER = 1, 2, 3, 4, 5, 6

local function lasts_until(worker, moment)
  meta.is_written = true
  meta.call("ZADD", "leases", moment, worker)
  meta.call("ZADD", "holders", "XX", moment, worker)
end

local function known(worker)
  return cmsgpack.unpack(meta.call("HGET", "workers", worker))
end

local function note(worker, record)
  meta.is_written = true
  meta.call("HSET", "workers", worker, cmsgpack.pack(record))
end

-- Give a worker its first lease, or a live one the time anew, and note what it says that it can do.
function roster.register(worker, about, skills, length)
  if leases.live(worker) then
    local record = known(worker)
    record[SKILLS] = skills
    note(worker, record)
    lasts_until(worker, meta.later(meta.now, record[LENGTH]))
  elseif not meta.call("ZSCORE", "leases", worker) then
    local number = redis.call("HINCRBY", KEYS[1], "number", 1)
    note(worker, { about, skills, length, meta.now, number, "work" })
    meta.call("ZADD", "holders", 0, worker)
    lasts_until(worker, meta.later(meta.now, length))
  end
end

-- Return the order of a live worker and whether it leads, its lease prolonged; nil where that has ended.
function roster.renew(worker)
  if not leases.live(worker) then
    return nil
  end
  local record = known(worker)
  lasts_until(worker, meta.later(meta.now, record[LENGTH]))
  local leader = redis.call("HGET", KEYS[1], "leader")
  if not leader or not leases.live(leader) then
    leader = worker
    redis.call("HSET", KEYS[1], "leader", worker)
  end
  return record[ORDER], leader == worker
end

-- End a live lease now.
function roster.leave(worker)
  if leases.live(worker) then
    lasts_until(worker, meta.now)
  end
end

-- Note an order for a live worker, unless it was told to stop, and return whether it is live.
function roster.order(worker, order)
  if not leases.live(worker) then
    return false
  end
  local record = known(worker)
  if record[ORDER] ~= "stop" then
    record[ORDER] = order
    note(worker, record)
  end
  return true
end

-- Return the workers that are remembered, each as: id, what it says of itself, what it can do, since when, its number,
-- its order, the end of its lease, how many jobs it holds, whether it is live, whether it leads.
function roster.all()
  local found = {}
  local leader = redis.call("HGET", KEYS[1], "leader")
  local after = string.format("(%.0f", meta.now - DAY)
  local ends = meta.call("ZRANGEBYSCORE", "leases", after, "+inf", "WITHSCORES")
  for place = 1, #ends, 2 do
    local worker, ends_at = ends[place], tonumber(ends[place + 1])
    local record, is_live = known(worker), ends_at > meta.now
    local held = meta.call("ZCARD", "held:" .. worker)
    found[#found + 1] = {
      worker, record[ABOUT], record[SKILLS], record[SINCE], record[NUMBER], record[ORDER],
      ends_at, held, is_live, is_live and worker == leader,
    }
  end
  return found
end

-- Forget the workers whose lease ended a day ago.
function roster.forget()
  local gone = meta.call("ZRANGEBYSCORE", "leases", "-inf", meta.now - DAY)
  if #gone > 0 then
    meta.is_written = true
    meta.call_many("ZREM", "leases", gone)
    meta.call_many("HDEL", "workers", gone)
  end
end

-- Return up to `limit` ids of running jobs whose worker has no live lease.
function roster.orphans(limit)
  local found = {}
  for _, worker in ipairs(meta.call("ZRANGEBYSCORE", "holders", "-inf", meta.now)) do
    if #found >= limit then
      break
    end
    local ids = meta.call("ZRANGE", "held:" .. worker, 0, limit - #found - 1)
    for _, id in ipairs(ids) do
      found[#found + 1] = id
    end
    if #ids == 0 then
      meta.is_written = true
      meta.call("ZREM", "holders", worker)
    end
  end
  return found
end
