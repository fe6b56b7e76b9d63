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
local taken = {}

local function text_of(gate)
  return gate[1] .. "/" .. gate[2]
end

local function first_of(key)
  local head = meta.call("ZRANGE", key, 0, 0, "WITHSCORES")
  return head[1], head[2]
end

-- Let a gate stand where the first behind it now would have it: in front, or aside as long as it is shut.
local function present(street, gate)
  local combination, turn = first_of("behind:" .. street .. "/" .. gate)
  if combination then
    local line = meta.call("ZSCORE", "aside:" .. street, gate) and "aside:" or "front:"
    meta.call("ZADD", line .. street, turn, gate)
    return
  end
  meta.call("ZREM", "front:" .. street, gate)
  meta.call("ZREM", "aside:" .. street, gate)
end

local function open_lane(street, combination)
  meta.call("SADD", "streets", street .. "/gated")
  for _, gate in ipairs(cjson.decode(combination)) do
    meta.call("HINCRBY", "before:" .. text_of(gate), street, 1)
  end
end

local function close_lane(street, combination)
  meta.call("HDEL", "moved:" .. street, combination)
  for _, gate in ipairs(cjson.decode(combination)) do
    local key = "before:" .. text_of(gate)
    if meta.call("HINCRBY", key, street, -1) == 0 then
      meta.call("HDEL", key, street)
    end
  end
  if meta.call("EXISTS", "front:" .. street) == 0 and meta.call("EXISTS", "aside:" .. street) == 0 then
    meta.call("SREM", "streets", street .. "/gated")
  end
end

local function gate_of(street, combination)
  return meta.call("HGET", "moved:" .. street, combination) or text_of(cjson.decode(combination)[1])
end

-- Let a lane stand in its group by who is its first now, and let it close where nobody is.
local function seat(street, combination)
  local id, turn = first_of("gated:" .. street .. "/" .. combination)
  local gate = gate_of(street, combination)
  local group = "behind:" .. street .. "/" .. gate
  if id then
    meta.call("ZADD", group, turn, combination)
    present(street, gate)
  else
    meta.call("ZREM", group, combination)
    present(street, gate)
    close_lane(street, combination)
  end
end

-- Let a job stand in its line.
function gates.put(id, job, turn)
  local street, combination = job[F.queue] .. "/" .. job[F.task], cjson.encode(job[F.gates])
  local lane = "gated:" .. street .. "/" .. combination
  meta.call("ZADD", lane, turn, id)
  if first_of(lane) ~= id then
    return
  end
  if meta.call("ZCARD", lane) == 1 then
    open_lane(street, combination)
  end
  seat(street, combination)
end

-- Let a job leave its line; one that does not stand there is no error.
function gates.drop(id, job)
  if taken[id] then
    taken[id] = nil
    return
  end
  local street, combination = job[F.queue] .. "/" .. job[F.task], cjson.encode(job[F.gates])
  local lane = "gated:" .. street .. "/" .. combination
  local head = first_of(lane)
  if meta.call("ZREM", lane, id) == 1 and head == id then
    seat(street, combination)
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
  meta.call("HSET", "moved:" .. street, combination, other)
  present(street, gate)
  seat(street, combination)
end

local function shut_one(combination, is_shut)
  for _, gate in ipairs(cjson.decode(combination)) do
    local text = text_of(gate)
    if is_shut(text) then
      return text
    end
  end
end

-- Return who is next on a street of those whose gates are all open, its turn and its combination.
function gates.first(street, is_shut)
  while true do
    local gate, turn = first_of("front:" .. street)
    if not gate then
      return nil
    end
    if is_shut(gate) then
      put_aside(street, gate, turn)
    else
      local combination = meta.call("ZRANGE", "behind:" .. street .. "/" .. gate, 0, 0)[1]
      local other = shut_one(combination, is_shut)
      if not other then
        return meta.call("ZRANGE", "gated:" .. street .. "/" .. combination, 0, 0)[1], tonumber(turn), combination
      end
      move(street, combination, gate, other)
    end
  end
end

-- Let one whom `first` has returned leave its line at once, so that the next one shows.
function gates.take(street, combination, id)
  taken[id] = true
  meta.is_written = true
  meta.call("ZREM", "gated:" .. street .. "/" .. combination, id)
  seat(street, combination)
end

-- Return the gates of a combination.
function gates.of(combination)
  local found = {}
  for place, gate in ipairs(cjson.decode(combination)) do
    found[place] = text_of(gate)
  end
  return found
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
