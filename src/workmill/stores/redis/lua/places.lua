-- needs: meta (gates)
-- Where jobs stand: every index over them by their state, and how many there are of each kind. It is gathered while a
-- script writes its jobs and written once for all of them, as one call for many costs a fraction of many calls.
--
--   kind:<queue>/<task>/<state>   by place
--   lane:<queue>/<task>           the queued ones without gates, by turn; those with gates stand in `gates`
--   held:<worker>                 the running ones, by the moment of their beginning
--   due, expiring                 by the moment that is waited for
--   lapsing                       those that may not begin any more from a moment on
--   made:<schedule>               those that have not ended, by place
--   flowed:<flow>                 all, by place; with `flow:<flow>`, how many are in each state, and `flows`

local places = { freed = {} } -- freed: what counts running jobs, and by how much that fell
local streets, by_name, held = {}, {}, {} -- streets: in the order in which they came up
local moves, movers = {}, {}
local lined, unlined = {}, {}
local running, flows = {}, {}

local NOT_BEGUN = { scheduled = true, waiting = true, queued = true }
local UNBEGUN = { scheduled = true, waiting = true, queued = true, retrying = true }
local FINAL = { succeeded = true, failed = true, cancelled = true }
local TURNS = 17592186044416 -- 2^44 places between one priority and the next

places.FINAL, places.UNBEGUN = FINAL, UNBEGUN

-- Return when a queued job is next: by its priority, the highest first, then by its place.
function places.turn(job)
  return (100 - job[F.priority]) * TURNS + job[F.place]
end

local function new_move(key)
  local move = { key = key, out = {}, into = {} }
  moves[#moves + 1] = move
  return move
end

local function move_of(key)
  movers[key] = movers[key] or new_move(key)
  return movers[key]
end

local function held_by(worker)
  held[worker] = held[worker] or new_move("held:" .. worker)
  return held[worker]
end

local function new_street(queue, task)
  local name = queue .. "/" .. task
  local street = { queue = queue, task = task, name = name, kinds = {}, lane = new_move("lane:" .. name) }
  streets[#streets + 1] = street
  by_name[queue] = by_name[queue] or {}
  by_name[queue][task] = street
  return street
end

local function street_of(job)
  local tasks = by_name[job[F.queue]]
  return tasks and tasks[job[F.task]] or new_street(job[F.queue], job[F.task])
end

local function new_kind(street, state)
  local kind = new_move("kind:" .. street.name .. "/" .. state)
  kind.number, street.kinds[state] = 0, kind
  return kind
end

local function enter(move, score, id)
  local into = move.into
  local size = #into
  into[size + 1], into[size + 2] = score, id
end

local function leave(move, id)
  move.out[#move.out + 1] = id
end

local function count(tally, name, number)
  tally[name] = (tally[name] or 0) + number
end

-- Count what a job is besides one of its kind: one that passes gates, if it runs, and one of a flow.
local function count_ties(job, state, number)
  if job[F.gates] and state == "running" then
    for _, gate in ipairs(job[F.gates]) do
      count(running, "key:" .. gate[1] .. "/" .. gate[2], number)
      count(running, "keys:" .. gate[1], number)
    end
  end
  if job[F.flow] then
    flows[job[F.flow]] = flows[job[F.flow]] or {}
    count(flows[job[F.flow]], state, number)
  end
end

-- Let a job, which is what it will be, leave where it stood by the state that it had.
function places.leave(id, job, state)
  local street = street_of(job)
  local kind = street.kinds[state] or new_kind(street, state)
  kind.number = kind.number - 1
  leave(kind, id)
  count_ties(job, state, -1)
  if state == "running" then
    leave(held_by(job[F.worker]), id)
  elseif state == "queued" and not job[F.gates] then
    leave(street.lane, id)
  elseif state == "queued" then
    unlined[#unlined + 1] = { id, job }
  elseif state ~= "waiting" then
    leave(move_of(FINAL[state] and "expiring" or "due"), id)
  end
  if job[F.expires] and NOT_BEGUN[state] then
    leave(move_of("lapsing"), id)
  end
  if job[F.schedule] and not FINAL[state] then
    leave(move_of("made:" .. job[F.schedule]), id)
  end
end

-- Let a job stand by what it waits for; whoever has not changed its state can be let so again.
function places.wait(id, job)
  local state = job[F.state]
  if FINAL[state] then
    enter(move_of("expiring"), job[F.expires_at], id)
  elseif state == "scheduled" or state == "retrying" then
    enter(move_of("due"), job[F.run_at], id)
  end
  if job[F.expires] and NOT_BEGUN[state] and job[F.token] == 0 then
    enter(move_of("lapsing"), meta.later(job[F.run_at] or job[F.created_at], job[F.expires]), id)
  end
end

-- Let a job stand where it does by its state.
function places.enter(id, job)
  local state, street = job[F.state], street_of(job)
  local kind = street.kinds[state] or new_kind(street, state)
  kind.number = kind.number + 1
  enter(kind, job[F.place], id)
  count_ties(job, state, 1)
  if state == "running" then
    enter(held_by(job[F.worker]), job[F.started_at], id)
  elseif state == "queued" and not job[F.gates] then
    enter(street.lane, places.turn(job), id)
  elseif state == "queued" then
    lined[#lined + 1] = { id, job }
  end
  if state ~= "running" then
    places.wait(id, job)
  end
  if job[F.schedule] and not FINAL[state] then
    enter(move_of("made:" .. job[F.schedule]), job[F.place], id)
  end
end

-- Let a job stand in what lists all of its flow and all of its schedule, as long as it is kept.
function places.list(id, job)
  if job[F.flow] then
    enter(move_of("flowed:" .. job[F.flow]), job[F.place], id)
  end
  if job[F.schedule] then
    enter(move_of("scheduled:" .. job[F.schedule]), job[F.place], id)
  end
end

-- Let a job that is kept no longer leave what lists it.
function places.unlist(id, job)
  if job[F.flow] then
    leave(move_of("flowed:" .. job[F.flow]), id)
  end
  if job[F.schedule] then
    leave(move_of("scheduled:" .. job[F.schedule]), id)
  end
end

local function write_moves()
  for _, move in ipairs(moves) do
    meta.call_many("ZREM", move.key, move.out)
    meta.call_many("ZADD", move.key, move.into)
  end
end

-- Keep which streets have a lane.
local function write_lane(street)
  if #street.lane.into > 0 then
    meta.call("SADD", "streets", street.name)
  elseif #street.lane.out > 0 and meta.call("EXISTS", street.lane.key) == 0 then
    meta.call("SREM", "streets", street.name)
  end
end

local function add(key, name, number)
  if number ~= 0 and meta.call("HINCRBY", key, name, number) == 0 then
    meta.call("HDEL", key, name)
  end
end

local function write_counts()
  local unbegun = {}
  for _, street in ipairs(streets) do
    write_lane(street)
    for state, kind in pairs(street.kinds) do
      add("counts", street.name .. "/" .. state, kind.number)
      if UNBEGUN[state] then
        count(unbegun, street.queue, kind.number)
      elseif state == "running" then
        count(running, "queue:" .. street.queue, kind.number)
        count(running, "task:" .. street.task, kind.number)
      end
    end
  end
  for queue, number in pairs(unbegun) do
    add("unbegun", queue, number)
  end
  for subject, number in pairs(running) do
    add("running", subject, number)
    places.freed[subject] = number < 0 and -number or nil
  end
end

local function write_flows()
  for flow, numbers in pairs(flows) do
    for state, number in pairs(numbers) do
      add("flow:" .. flow, state, number)
    end
    local first = meta.call("ZRANGE", "flowed:" .. flow, 0, 0, "WITHSCORES")
    if not first[1] then
      meta.call("DEL", "flow:" .. flow)
      meta.call("ZREM", "flows", flow)
    elseif meta.call("HSETNX", "flow:" .. flow, "created", meta.now) == 1 then
      meta.call("ZADD", "flows", first[2], flow)
    end
  end
end

local function write_lines()
  for _, one in ipairs(unlined) do
    gates.drop(one[1], one[2])
  end
  for _, one in ipairs(lined) do
    gates.put(one[1], one[2], places.turn(one[2]))
  end
end

-- Write what was gathered.
function places.write()
  places.freed = {}
  write_moves()
  write_counts()
  write_flows()
  write_lines()
  streets, by_name, held, moves, movers = {}, {}, {}, {}, {}
  lined, unlined, running, flows = {}, {}, {}, {}
end
