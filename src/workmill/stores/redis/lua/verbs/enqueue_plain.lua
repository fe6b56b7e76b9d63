-- needs: meta notices (rows)
-- Store jobs that are calls to be made and nothing else, but for a key: no tie, no rule of their own.
--
-- ARGV[2]: the shapes (each a head without its place and its key, and a delay), the ids, which shape each has, and the
-- key of each or false, where any has one; then the docs. Answers the moment, the places in the batch of those that were
-- stored before, and these jobs.

local asked = cmsgpack.unpack(ARGV[2])
local shapes, ids, shape_of, keys = asked[1], asked[2], asked[3], asked[4]
local DOCS = 2 -- the last argument before them
local TURNS = 17592186044416 -- as in the ledger

-- Make a shape what is common to all jobs of it.
local function begin(shape)
  local head, delay = shape[1], shape[2]
  local street = head[F.queue] .. "/" .. head[F.task]
  head[F.created_at] = meta.now
  if delay then
    head[F.run_at] = meta.later(meta.now, delay)
  end
  local is_due = not head[F.run_at] or head[F.run_at] <= meta.now
  head[F.state] = is_due and "queued" or "scheduled"
  shape.head, shape.street, shape.kind = head, street, street .. "/" .. head[F.state]
  shape.kinds, shape.waiting, shape.number, shape.is_due = {}, {}, 0, is_due
  shape.score = is_due and (100 - head[F.priority]) * TURNS or head[F.run_at]
end

-- Return how many more jobs each bounded queue of the shapes may hold; nil where none of them is bounded.
local function rooms_of()
  if not meta.is_ruled then
    return nil
  end
  local queues, rooms = {}, nil
  for number, shape in ipairs(shapes) do
    queues[number] = shape.head[F.queue]
  end
  for number, bound in ipairs(meta.fields("bounds", queues)) do
    if bound then
      rooms = rooms or {}
      rooms[queues[number]] = { bound, bound - (meta.call("HGET", "unbegun", queues[number]) or 0) }
    end
  end
  return rooms
end

local function take_room(room, queue)
  room[2] = room[2] - 1
  if room[2] < 0 then
    meta.refuse("full", queue, room[1])
  end
end

local function args_of(doc)
  return string.match(doc, "\n(.*)$")
end

-- Return what a key is called for its task; nil where a job has none.
local function name_of(number)
  local key = keys and keys[number]
  return key and shapes[shape_of[number]].head[F.task] .. "/" .. key or nil
end

-- Return which stored jobs the keys name.
local function holders_of()
  local names, holders = {}, {}
  for number = 1, #ids do
    names[#names + 1] = name_of(number)
  end
  for place, id in ipairs(meta.fields("keys", names)) do
    holders[names[place]] = id or nil
  end
  return holders
end

for _, shape in ipairs(shapes) do
  begin(shape)
end
local rooms, stored = rooms_of(), meta.fields("jobs", ids)
local heads, docs, known, known_ids, seen = {}, {}, {}, {}, {} -- seen: the docs of new jobs
local holders, named = holders_of(), {} -- named: the new keys, each with its job

-- Return the job that is there already under a new one's id or its key.
local function find_known(number, id)
  local name = name_of(number)
  if stored[number] or seen[id] then
    return id
  elseif not name then
    return nil
  end
  local holder = holders[name]
  local doc = holder and (seen[holder] or meta.call("HGET", "docs", holder))
  if not doc then
    holders[name], named[#named + 1], named[#named + 2] = id, name, id
    return nil
  elseif args_of(doc) ~= args_of(ARGV[DOCS + number]) then
    meta.refuse("conflict", holder, shapes[shape_of[number]].head[F.task], keys[number])
  end
  return holder
end

for number, id in ipairs(ids) do
  local there = find_known(number, id)
  if there then
    known[#known + 1], known_ids[#known_ids + 1] = number, there
  else
    local shape = shapes[shape_of[number]]
    local head, place, next_one = shape.head, meta.place + 1, #heads + 1
    if rooms and rooms[head[F.queue]] then
      take_room(rooms[head[F.queue]], head[F.queue])
    end
    meta.place, head[F.place], seen[id] = place, place, ARGV[DOCS + number]
    head[F.key] = keys and keys[number] or false
    heads[next_one], heads[next_one + 1] = id, cmsgpack.pack(head)
    docs[next_one], docs[next_one + 1] = id, seen[id]
    next_one = shape.number * 2 + 1
    shape.kinds[next_one], shape.kinds[next_one + 1] = place, id
    shape.waiting[next_one], shape.waiting[next_one + 1] = shape.is_due and shape.score + place or shape.score, id
    shape.number = shape.number + 1
  end
end

meta.is_written = #heads > 0
meta.call_many("HSET", "jobs", heads)
meta.call_many("HSET", "docs", docs)
meta.call_many("HSET", "keys", named)
for _, shape in ipairs(shapes) do
  if shape.number > 0 then
    meta.call_many("ZADD", "kind:" .. shape.kind, shape.kinds)
    meta.call_many("ZADD", shape.is_due and "lane:" .. shape.street or "due", shape.waiting)
    meta.call("HINCRBY", "counts", shape.kind, shape.number)
    meta.call("HINCRBY", "unbegun", shape.head[F.queue], shape.number)
    if shape.is_due then
      meta.call("SADD", "streets", shape.street)
      notices.queue(shape.head[F.queue])
    else
      notices.time()
    end
  end
end

return { string.format("%.0f", meta.now), known, #known > 0 and rows.of(known_ids) or {} }
