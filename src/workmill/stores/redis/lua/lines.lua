-- needs: meta notices streets (gates room)
-- Who is next on each street that a claim may take from, and on which of them before all others. No record is read for
-- that: turns and gates say it all.
--
-- A line is what stands on one street: the jobs without gates, or those with. Its head is `id` and `turn`; a line
-- without one is not kept. The lines lie in a heap, the one whose head is next on top.

local lines = {}
local NONE = {}
local PART, MOST = 16, 1000 -- how many of one line are read at once, at the least and at the most
local MOST_LATE = 1000 -- how many a claim ends at the most because they come too late
local heap, late, part, has_late = {}, {}, PART, false
local is_cut = false -- whether so much was passed over that the claim ends here: what lies behind is for the next one

local function note_late(id)
  late[#late + 1] = id
  is_cut = #late >= MOST_LATE
end

-- Return those of some ids, each followed by its turn, that are not too late to begin, and note the others.
local function in_time(found)
  local ids, kept = {}, {}
  for place = 1, #found, 2 do
    ids[#ids + 1] = found[place]
  end
  for place, begin_by in ipairs(meta.call("ZMSCORE", "lapsing", unpack(ids))) do
    if not begin_by or tonumber(begin_by) > meta.now then
      kept[#kept + 1] = found[2 * place - 1]
      kept[#kept + 1] = found[2 * place]
    else
      note_late(ids[place])
    end
  end
  return kept
end

local function read_more(line)
  local found = meta.call("ZRANGE", line.key, line.at, line.at + part - 1, "WITHSCORES")
  line.at, line.place, line.is_over = line.at + #found / 2, 1, #found < 2 * part
  line.read = has_late and #found > 0 and in_time(found) or found
end

local function step_plain(line)
  line.place = line.place + 2
  while line.place > #line.read and not line.is_over do
    read_more(line)
  end
  line.id, line.turn = line.read[line.place], tonumber(line.read[line.place + 1])
end

local function is_late(id)
  local begin_by = has_late and meta.call("ZSCORE", "lapsing", id)
  return begin_by and tonumber(begin_by) <= meta.now
end

local function is_shut(gate)
  return meta.is_ruled and room.is_shut(gate)
end

local function admits(line)
  return not meta.is_ruled or room.admits(line.queue, line.task)
end

local function step_gated(line)
  local head = gates.first(line.street, is_shut)
  while head and not is_cut and is_late(head.id) do
    gates.take(head)
    note_late(head.id)
    head = gates.first(line.street, is_shut)
  end
  is_cut = is_cut or head == false
  line.id, line.turn, line.head = head and head.id, head and head.turn, head
end

local function step(line)
  if line.key then
    step_plain(line)
  else
    step_gated(line)
  end
end

local function rise(place)
  while place > 1 do
    local above = math.floor(place / 2)
    if heap[above].turn <= heap[place].turn then
      return
    end
    heap[above], heap[place] = heap[place], heap[above]
    place = above
  end
end

local function sink()
  local place = 1
  while true do
    local least = 2 * place
    if not heap[least] then
      return
    end
    if heap[least + 1] and heap[least + 1].turn < heap[least].turn then
      least = least + 1
    end
    if heap[place].turn <= heap[least].turn then
      return
    end
    heap[place], heap[least] = heap[least], heap[place]
    place = least
  end
end

-- Let the line on top go where its head belongs now; one without a head leaves.
local function settle()
  if not heap[1].id then
    heap[1] = heap[#heap]
    heap[#heap] = nil
  end
  if heap[1] then
    sink()
  end
end

local function join(line)
  line.queue, line.task = streets.split(line.street)
  if not admits(line) then
    return
  end
  step(line)
  if line.id then
    heap[#heap + 1] = line
    rise(#heap)
  end
end

-- Begin with the heads of all lines.
local function open(plain, gated, limit)
  has_late = #meta.call("ZRANGEBYSCORE", "lapsing", "-inf", meta.now, "LIMIT", 0, 1) > 0
  part = math.min(limit, MOST, math.max(PART, math.ceil(2 * limit / #plain)))
  for _, street in ipairs(plain) do
    join({ street = street, key = "lane:" .. street, at = 0, place = -1, read = {} })
  end
  for _, street in ipairs(gated) do
    join({ street = street })
  end
end

-- Whether the gates of a line's head are all open still: jobs of other streets pass them, too.
local function is_open(line)
  for _, gate in ipairs(line.head and line.head.gates or NONE) do
    if room.is_shut(gate) then
      return false
    end
  end
  return true
end

local function count(line)
  room.take("queue:" .. line.queue)
  room.take("task:" .. line.task)
  for _, gate in ipairs(line.head and line.head.gates or NONE) do
    room.take("key:" .. gate)
  end
end

-- Let the head of a line leave it.
local function give(line)
  if meta.is_ruled then
    count(line)
  end
  if not line.key then
    gates.take(line.head)
  end
  step(line)
end

-- Return up to `limit` who may begin next of those on these streets, without gates and with, the line that each stood in,
-- and those who come too late.
function lines.choose(plain, gated, limit)
  local ids, from = {}, {}
  open(plain, gated, limit)
  while heap[1] and #ids < limit and not is_cut do
    local line = heap[1]
    if not admits(line) then
      line.id = nil
    elseif meta.is_ruled and not is_open(line) then
      step(line)
    else
      ids[#ids + 1], from[#ids + 1] = line.id, line
      give(line)
    end
    settle()
  end
  if is_cut then
    notices.any_queue()
  end
  return ids, from, late
end
