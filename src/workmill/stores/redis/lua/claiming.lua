-- needs: meta ledger leases streets (cancelling ends lines rates room)
-- How jobs are given to workers.

local claiming = {}
local WORKER, ENGINE, QUEUES, TASKS, LIMIT = 1, 2, 3, 4, 5

local function is_plain(job)
  return job and (not job[F.expires] or job[F.token] > 0)
end

-- Return who is next where only one lane comes into question and nothing but their turns: as nearly always. Else nil.
local function of_one_lane(lane, limit)
  local ids = meta.call("ZRANGE", lane, 0, limit - 1)
  ledger.load(ids)
  for _, id in ipairs(ids) do
    if not is_plain(ledger.get(id)) then
      return nil
    end
  end
  return ids
end

-- Return who begins, in the order over all tasks and queues that are named, and the lines that they stand in.
local function choose(request)
  local plain, gated = streets.named(request[TASKS], request[QUEUES])
  local limit = request[LIMIT]
  if limit <= 0 or #plain + #gated == 0 then
    return {}
  end
  local ids = #plain == 1 and #gated == 0 and not meta.is_ruled and of_one_lane("lane:" .. plain[1], limit)
  if ids then
    return ids
  end
  return lines.choose(plain, gated, limit)
end

local function begin(id, request)
  local job = ledger.change(id)
  job[F.state], job[F.worker], job[F.engine], job[F.started_at] = "running", request[WORKER], request[ENGINE], meta.now
  job[F.attempt], job[F.token] = job[F.attempt] + 1, job[F.token] + 1
end

-- Let those begin whose records can be read, and return them. Another leaves its lane, so as to stand in nobody's way.
local function begin_all(ids, from, request)
  local begun = {}
  ledger.load(ids)
  for place, id in ipairs(ids) do
    if ledger.get(id) then
      begin(id, request)
      begun[#begun + 1] = id
    elseif from[place].key then
      meta.is_written = true
      meta.call("ZREM", from[place].key, id)
    end
  end
  return begun
end

-- Return jobs that have begun as answers have them. What is kept beside a job comes with its first attempt.
local function rows_of(ids)
  local found, again = {}, {}
  for place, doc in ipairs(meta.fields("docs", ids)) do
    local id = ids[place]
    found[place] = { id, ledger.text(id), doc, false, false, false }
    if ledger.get(id)[F.token] > 1 then
      again[#again + 1] = place
    end
  end
  for _, place in ipairs(again) do
    found[place][5] = ledger.side("failures", ids[place])
    found[place][6] = ledger.side("progress", ids[place])
  end
  return found
end

-- Give a worker up to as many jobs as it asks for, and write that; nil where its lease is not live. What is asked for is
-- the worker, its engine, the queues (false: all), the tasks, and how many.
function claiming.claim(request)
  if not leases.live(request[WORKER]) then
    return nil
  end
  if meta.is_ruled then
    rates.open()
  end
  local ids, from, late = choose(request)
  local begun = begin_all(ids, from, request)
  if late and #late > 0 then
    cancelling.expire(late)
    ends.conclude()
  end
  ledger.write()
  if meta.is_ruled then
    room.settle()
  end
  return rows_of(begun)
end
