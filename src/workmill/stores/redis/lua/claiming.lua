-- needs: meta ledger cancelling following leases lines rates room
-- How jobs are given to workers.

local claiming = {}
local WORKER, ENGINE, QUEUES, TASKS, LIMIT = 1, 2, 3, 4, 5

-- Choose who begins, in the order over all tasks and queues that are named.
local function choose(request)
  local ids, from = {}, {}
  if request[LIMIT] > 0 then
    lines.open(request[TASKS], request[QUEUES], request[LIMIT])
  end
  while #ids < request[LIMIT] do
    local id, line = lines.next()
    if not id then
      break
    end
    ids[#ids + 1], from[id] = id, line
  end
  return ids, from
end

-- Let a job run; nil where its record cannot be read: it leaves its lane, so that it stands in nobody's way.
local function begin(id, line, request)
  if not ledger.get(id) then
    if line.key then
      meta.is_written = true
      meta.call("ZREM", line.key, id)
    end
    return nil
  end
  local job = ledger.change(id)
  job[F.state], job[F.worker], job[F.engine], job[F.started_at] = "running", request[WORKER], request[ENGINE], meta.now
  job[F.attempt], job[F.token] = job[F.attempt] + 1, job[F.token] + 1
  return job
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
  rates.open()
  local ids, from = choose(request)
  ledger.load(ids)
  local begun = {}
  for _, id in ipairs(ids) do
    if begin(id, from[id], request) then
      begun[#begun + 1] = id
    end
  end
  if #lines.late > 0 then
    cancelling.expire(lines.late)
    following.conclude()
  end
  ledger.write()
  room.settle()
  return rows_of(begun)
end
