-- needs: meta notices (rows)
-- Store jobs that are calls to be made and nothing else: no key, no tie, no rule of their own.
--
-- ARGV[2]: the shapes (each a head without its place, and a delay), the ids, and which shape each has; then the docs.
-- Answers the moment, the places in the batch of those that were stored before, and these jobs.

local asked = cmsgpack.unpack(ARGV[2])
local shapes, ids, shape_of = asked[1], asked[2], asked[3]
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

for _, shape in ipairs(shapes) do
  begin(shape)
end
local rooms, stored = rooms_of(), meta.fields("jobs", ids)
local heads, docs, known, seen = {}, {}, {}, {}
for number, id in ipairs(ids) do
  if stored[number] or seen[id] then
    known[#known + 1] = number
  else
    local shape = shapes[shape_of[number]]
    local head, place, next_one = shape.head, meta.place + 1, #heads + 1
    if rooms and rooms[head[F.queue]] then
      take_room(rooms[head[F.queue]], head[F.queue])
    end
    meta.place, head[F.place], seen[id] = place, place, true
    heads[next_one], heads[next_one + 1] = id, cmsgpack.pack(head)
    docs[next_one], docs[next_one + 1] = id, ARGV[DOCS + number]
    next_one = shape.number * 2 + 1
    shape.kinds[next_one], shape.kinds[next_one + 1] = place, id
    shape.waiting[next_one], shape.waiting[next_one + 1] = shape.is_due and shape.score + place or shape.score, id
    shape.number = shape.number + 1
  end
end

meta.is_written = #heads > 0
meta.call_many("HSET", "jobs", heads)
meta.call_many("HSET", "docs", docs)
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

if #known == 0 then
  return { string.format("%.0f", meta.now), known, {} }
end
local known_ids = {}
for number, place in ipairs(known) do
  known_ids[number] = ids[place]
end
return { string.format("%.0f", meta.now), known, rows.of(known_ids) }
