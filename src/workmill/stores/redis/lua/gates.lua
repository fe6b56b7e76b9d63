-- needs: meta
-- The queued jobs that pass gates: who is next of those whose gates are all open.
--
-- Jobs stand in a lane for each combination of gates, and lanes in a group behind one of their gates. A claim looks only
-- at the first of the groups that may be open. One whose gate it finds shut is put aside until that gate is reopened; a
-- lane that another of its gates holds back goes over to the group behind that one. So what a claim costs depends
-- neither on how many jobs wait before shut gates nor on how many gates there are.
--
--   gated:<street>/<combination>   the jobs of a lane, by turn
--   behind:<street>/<gate>         the lanes of a group, by the turn of the first in each
--   front:<street>                 the gates of the groups that may be open, by the turn of the first in each
--   aside:<street>                 likewise, of those that were found shut
--   moved:<street>                 the gate that a lane stands behind, where that is not its first
--   before:<gate>                  how many lanes of each street pass a gate
--
-- A gate is `name/key`, a combination the JSON of its gates as they stand on the job.

local gates = {}
local MOST_SHUT = 5000 -- how many a script looks at at the most that it finds shut
local taken, marked, decoded, found_shut = {}, {}, {}, 0

-- Return the gates of a combination.
local function gates_of(combination)
  if not decoded[combination] then
    local texts = {}
    for place, gate in ipairs(cjson.decode(combination)) do
      texts[place] = gate[1] .. "/" .. gate[2]
    end
    decoded[combination] = texts
  end
  return decoded[combination]
end

-- Return the gate that a lane stands behind.
local function gate_of(street, combination)
  return meta.call("HGET", "moved:" .. street, combination) or gates_of(combination)[1]
end

local function open_lane(street, combination)
  if not marked[street] then
    marked[street] = true
    meta.call("SADD", "streets", street .. "/gated")
  end
  for _, gate in ipairs(gates_of(combination)) do
    meta.call("HINCRBY", "before:" .. gate, street, 1)
  end
end

local function close_lane(street, combination, gate)
  local all = gates_of(combination)
  if gate ~= all[1] then
    meta.call("HDEL", "moved:" .. street, combination)
  end
  for _, one in ipairs(all) do
    if meta.call("HINCRBY", "before:" .. one, street, -1) == 0 then
      meta.call("HDEL", "before:" .. one, street)
    end
  end
end

-- Let a gate go before which nobody stands any more, and the street where it was the last.
local function close(street, gate)
  local front, aside = "front:" .. street, "aside:" .. street
  meta.call("ZREM", front, gate)
  meta.call("ZREM", aside, gate)
  if redis.call("EXISTS", meta.prefix .. front, meta.prefix .. aside) == 0 then
    marked[street] = nil
    meta.call("SREM", "streets", street .. "/gated")
  end
end

-- Let a gate stand where the first behind it now would have it: in front, or aside as long as it is shut.
local function present(street, gate)
  local first = meta.call("ZRANGE", "behind:" .. street .. "/" .. gate, 0, 0, "WITHSCORES")
  if first[1] then
    local line = meta.call("ZSCORE", "aside:" .. street, gate) and "aside:" or "front:"
    meta.call("ZADD", line .. street, first[2], gate)
  else
    close(street, gate)
  end
end

-- Let a lane stand in its group by who is its first now, and let it close where nobody is.
local function seat(street, combination, gate)
  local first = meta.call("ZRANGE", "gated:" .. street .. "/" .. combination, 0, 0, "WITHSCORES")
  local group = "behind:" .. street .. "/" .. gate
  if first[1] then
    meta.call("ZADD", group, first[2], combination)
  else
    meta.call("ZREM", group, combination)
    close_lane(street, combination, gate)
  end
  present(street, gate)
end

-- Let a job stand in its line.
function gates.put(id, job, turn)
  local street, combination = job[F.queue] .. "/" .. job[F.task], cjson.encode(job[F.gates])
  local lane = "gated:" .. street .. "/" .. combination
  meta.call("ZADD", lane, turn, id)
  local first = meta.call("ZRANGE", lane, 0, 1)
  if first[1] ~= id then
    return
  end
  local gate = first[2] and gate_of(street, combination) or gates_of(combination)[1]
  if not first[2] then
    open_lane(street, combination)
  end
  local group = "behind:" .. street .. "/" .. gate
  meta.call("ZADD", group, turn, combination)
  local lanes = meta.call("ZRANGE", group, 0, 1)
  if lanes[1] == combination then
    local is_aside = lanes[2] and meta.call("ZSCORE", "aside:" .. street, gate)
    meta.call("ZADD", (is_aside and "aside:" or "front:") .. street, turn, gate)
  end
end

-- Let a job leave its line; one that does not stand there is no error.
function gates.drop(id, job)
  if taken[id] then
    taken[id] = nil
    return
  end
  local street, combination = job[F.queue] .. "/" .. job[F.task], cjson.encode(job[F.gates])
  local lane = "gated:" .. street .. "/" .. combination
  local first = meta.call("ZRANGE", lane, 0, 0)[1]
  if meta.call("ZREM", lane, id) == 1 and first == id then
    seat(street, combination, gate_of(street, combination))
  end
end

local function put_aside(street, gate, turn)
  meta.is_written = true
  meta.call("ZREM", "front:" .. street, gate)
  meta.call("ZADD", "aside:" .. street, turn, gate)
end

local function move(street, combination, gate, other)
  meta.is_written = true
  meta.call("ZREM", "behind:" .. street .. "/" .. gate, combination)
  if other == gates_of(combination)[1] then
    meta.call("HDEL", "moved:" .. street, combination)
  else
    meta.call("HSET", "moved:" .. street, combination, other)
  end
  seat(street, combination, other)
  present(street, gate)
end

local function shut_one(combination, is_shut)
  for _, gate in ipairs(gates_of(combination)) do
    if is_shut(gate) then
      return gate
    end
  end
end

-- Return the first of the first lane behind a gate, with what is next behind either.
local function head_of(street, gate, lanes)
  local jobs = meta.call("ZRANGE", "gated:" .. street .. "/" .. lanes[1], 0, 1, "WITHSCORES")
  return {
    id = jobs[1],
    turn = tonumber(jobs[2]),
    street = street,
    gate = gate,
    combination = lanes[1],
    gates = gates_of(lanes[1]),
    next_job = tonumber(jobs[4]),
    next_lane = tonumber(lanes[4]),
  }
end

-- Return who is next on a street of those whose gates are all open, as `take` takes it; false where too many were found
-- shut to go on looking now.
function gates.first(street, is_shut)
  while found_shut < MOST_SHUT do
    local front = meta.call("ZRANGE", "front:" .. street, 0, 0, "WITHSCORES")
    local gate = front[1]
    if not gate then
      return nil
    end
    if is_shut(gate) then
      put_aside(street, gate, front[2])
    else
      local lanes = meta.call("ZRANGE", "behind:" .. street .. "/" .. gate, 0, 1, "WITHSCORES")
      local other = shut_one(lanes[1], is_shut)
      if not other then
        return head_of(street, gate, lanes)
      end
      move(street, lanes[1], gate, other)
    end
    found_shut = found_shut + 1
  end
  return false
end

-- Let one whom `first` has returned leave its line at once, so that the next one shows.
function gates.take(head)
  local street, gate, group = head.street, head.gate, "behind:" .. head.street .. "/" .. head.gate
  taken[head.id] = true
  meta.is_written = true
  meta.call("ZREM", "gated:" .. street .. "/" .. head.combination, head.id)
  if head.next_job then
    meta.call("ZADD", group, head.next_job, head.combination)
  else
    meta.call("ZREM", group, head.combination)
    close_lane(street, head.combination, gate)
  end
  if head.next_job or head.next_lane then
    meta.call("ZADD", "front:" .. street, math.min(head.next_job or math.huge, head.next_lane or math.huge), gate)
  else
    close(street, gate)
  end
end

local function count_behind(group, street, before, most)
  local count = 0
  for _, combination in ipairs(meta.call("ZRANGEBYSCORE", group, "-inf", before)) do
    count = count + meta.call("ZCOUNT", "gated:" .. street .. "/" .. combination, "-inf", before)
    if count >= most then
      return count
    end
  end
  return count
end

-- Return how many stand on a street with turns before one, counted to `most` or somewhat further.
function gates.count(street, before, most)
  local count = 0
  for _, line in ipairs({ "front:", "aside:" }) do
    for _, gate in ipairs(meta.call("ZRANGEBYSCORE", line .. street, "-inf", before)) do
      if count < most then
        count = count + count_behind("behind:" .. street .. "/" .. gate, street, before, most - count)
      end
    end
  end
  return count
end

-- Let the next claim look at those behind a gate again, which may be open now.
function gates.reopen(gate)
  for _, street in ipairs(meta.call("HKEYS", "before:" .. gate)) do
    local turn = meta.call("ZSCORE", "aside:" .. street, gate)
    if turn then
      meta.is_written = true
      meta.call("ZREM", "aside:" .. street, gate)
      meta.call("ZADD", "front:" .. street, turn, gate)
    end
  end
end

-- Let all gates of a line join those in front: the fewer join the more, as those aside can be very many.
local function merge(front, aside)
  local shut = meta.call("ZCARD", aside)
  local few, many = front, aside
  if shut < meta.call("ZCARD", front) then
    few, many = aside, front
  end
  local members = meta.call("ZRANGE", few, 0, -1, "WITHSCORES")
  for place = 1, #members, 2 do
    members[place], members[place + 1] = members[place + 1], members[place]
  end
  meta.call("DEL", few)
  meta.call_many("ZADD", many, members)
  if shut > 0 and many == aside then
    redis.call("RENAME", meta.prefix .. aside, meta.prefix .. front)
  end
end

-- Let the next claim look at everybody again.
function gates.reopen_all()
  for _, street in ipairs(meta.call("SMEMBERS", "streets")) do
    local gated = string.match(street, "^(.*)/gated$")
    if gated then
      merge("front:" .. gated, "aside:" .. gated)
    end
  end
end
