-- needs: meta rows merging
-- Jobs that match, newest first: as many as are asked for, or as one script may look at.
--
-- Where flows or schedules are named, theirs are looked through; else those kinds of queue, task and state that match,
-- and these need no looking. Answers the places and the rows, and the place below which to go on (false: that was all).

local MOST_LOOKED, MOST_FOUND, MOST_BYTES, PART = 1000, 500, 4000000, 50
local DISORDER = 300000000 -- by so much may the moments of jobs disagree with their order: a server's clock can be set
local asked = cmsgpack.unpack(ARGV[2]) -- states tasks queues flows schedules after before below limit

local function set_of(names)
  local set = {}
  for _, name in ipairs(names or {}) do
    set[name] = true
  end
  return names and set
end

local states, tasks, queues = set_of(asked.states), set_of(asked.tasks), set_of(asked.queues)
local flows, schedules = set_of(asked.flows), set_of(asked.schedules)
local must_look = flows or schedules or asked.after or asked.before

local function matches_kind(queue, task, state)
  return (not queues or queues[queue]) and (not tasks or tasks[task]) and (not states or states[state])
end

local function matches(job)
  return matches_kind(job[F.queue], job[F.task], job[F.state])
    and (not flows or flows[job[F.flow]])
    and (not schedules or schedules[job[F.schedule]])
    and (not asked.after or job[F.created_at] > asked.after)
    and (not asked.before or job[F.created_at] < asked.before)
end

local function sources()
  local keys = {}
  for name in pairs(flows or schedules or {}) do
    keys[#keys + 1] = (flows and "flowed:" or "scheduled:") .. name
  end
  if not flows and not schedules then
    for _, kind in ipairs(meta.call("HKEYS", "counts")) do
      if matches_kind(string.match(kind, "^([^/]*)/([^/]*)/([^/]*)$")) then
        keys[#keys + 1] = "kind:" .. kind
      end
    end
  end
  return keys
end

local function head_of(text)
  local is_read, job = pcall(cmsgpack.unpack, text or "")
  return text and is_read and type(job) == "table" and job
end

-- Return the rank of the first job in a sorted set that was created at a moment or later; one that cannot be read counts
-- as created when `otherwise` says.
local function rank_at(key, moment, otherwise)
  local low, high = 0, meta.call("ZCARD", key)
  while low < high do
    local middle = math.floor((low + high) / 2)
    local job = head_of(meta.call("HGET", "jobs", meta.call("ZRANGE", key, middle, middle)[1]))
    if (job and job[F.created_at] or otherwise) < moment then
      low = middle + 1
    else
      high = middle
    end
  end
  return low
end

local function place_at(key, rank)
  return rank >= 0 and meta.call("ZRANGE", key, rank, rank, "WITHSCORES")[2]
end

local function largest_of(keys)
  local largest, size = nil, 0
  for _, key in ipairs(keys) do
    local number = meta.call("ZCARD", key)
    if number > size then
      largest, size = key, number
    end
  end
  return largest
end

-- Return between which places jobs can be that were created when it is asked for, by where those of the largest set are.
local function bounds(keys)
  local below, from = asked.below, "-inf"
  local largest = (asked.after or asked.before) and largest_of(keys)
  if largest and asked.before then
    local late = place_at(largest, rank_at(largest, asked.before + DISORDER, 0))
    below = late and tonumber(late) < (tonumber(below) or math.huge) and late or below
  end
  if largest and asked.after then
    local early = place_at(largest, rank_at(largest, asked.after - DISORDER, math.huge) - 1)
    from = early and "(" .. early or from
  end
  return below, from
end

local keys = sources()
local below, from = bounds(keys)
local line = merging.line(keys, below, from)
local most = math.min(asked.limit, MOST_FOUND)
local ids, places, looked, is_done = {}, {}, 0, false

-- Look at the next jobs, and keep those that match.
local function look()
  local next_ids, next_places, heads = {}, {}, {}
  while #next_ids < PART and not is_done and (must_look or #ids + #next_ids < most) do
    local id, place = line()
    next_ids[#next_ids + 1], next_places[#next_places + 1] = id, place
    is_done = not id
  end
  if must_look then
    heads = meta.fields("jobs", next_ids)
  end
  for number, id in ipairs(next_ids) do
    local job = not must_look or head_of(heads[number])
    if #ids == most then
      is_done = false
      return
    end
    below, looked = string.format("%.0f", next_places[number]), looked + 1
    if job and (not must_look or matches(job)) then
      ids[#ids + 1], places[#places + 1] = id, below
    end
  end
end

-- Return the rows of the jobs that were found, up to where they are so long that the rest is for another script.
local function rows_found()
  local found, bytes = {}, 0
  for first = 1, #ids, PART do
    for _, row in ipairs(rows.of({ unpack(ids, first, math.min(first + PART - 1, #ids)) })) do
      found[#found + 1] = row
      for part = 1, row and #row or 0 do
        bytes = bytes + (row[part] and #row[part] or 0)
      end
    end
    if bytes > MOST_BYTES and #found < #ids then
      below, is_done = places[#found], false
      break
    end
  end
  return found
end

repeat
  look()
until is_done or #ids == most or looked >= MOST_LOOKED
local found = rows_found()
return { places, found, not is_done and below }
