-- needs: meta notices gates
-- The jobs that a script looks at: read once, changed in memory, written once at its end with every index over them.
--
--   load/get -> change (the job leaves its places) -> fields are set -> write (it enters those it has now)
--
-- Nothing reaches the store before `write`, so a verb that is broken off has done nothing.

local ledger = { ended = {}, freed = {}, later = {} } -- later: what else is to be written with the jobs, functions called once
local jobs, standing, fresh, changed, order = {}, {}, {}, {}, {}
local leaving, entering = {}, {}
local tallies = { counts = {}, unbegun = {}, running = {} }
local flow_tallies = {}
local found, texts, gone, unlined, packed = {}, {}, {}, {}, {}
local unbegun, begun_less = {}, {}

local NOT_BEGUN = { scheduled = true, waiting = true, queued = true }
local UNBEGUN = { scheduled = true, waiting = true, queued = true, retrying = true }
local FINAL = { succeeded = true, failed = true, cancelled = true }
local TURNS = 17592186044416 -- 2^44 places between one priority and the next
local SIDES = { "docs", "results", "failures", "progress", "attempts", "bonds" }

ledger.FINAL = FINAL

-- Return when a queued job is next: by its priority, the highest first, then by its place.
function ledger.turn(job)
  return (100 - job[F.priority]) * TURNS + job[F.place]
end

-- Return the moment from which on a job that has not begun may not begin any more; false where there is none.
function ledger.begin_by(job)
  if not job[F.expires] or job[F.token] > 0 or not NOT_BEGUN[job[F.state]] then
    return false
  end
  return meta.later(job[F.run_at] or job[F.created_at], job[F.expires])
end

-- Return what rules count a job as: the names of its counters.
function ledger.subjects(job)
  local found = { "queue:" .. job[F.queue], "task:" .. job[F.task] }
  for _, gate in ipairs(job[F.gates] or {}) do
    table.insert(found, "key:" .. gate[1] .. "/" .. gate[2])
    table.insert(found, "keys:" .. gate[1])
  end
  return found
end

-- Call `visit(key, score, id)` for every sorted set that a job stands in by its state.
local function each_place(id, job, visit)
  local state = job[F.state]
  visit("kind:" .. job[F.queue] .. "/" .. job[F.task] .. "/" .. state, job[F.place], id)
  if job[F.expires] then
    local lapses = ledger.begin_by(job)
    if lapses then
      visit("lapsing", lapses, id)
    end
  end
  if state == "queued" then
    if not job[F.gates] then
      visit("lane:" .. job[F.queue] .. "/" .. job[F.task], ledger.turn(job), id)
    end
  elseif state == "running" then
    visit("held:" .. job[F.worker], job[F.started_at], id)
  elseif FINAL[state] then
    visit("expiring", job[F.expires_at], id)
  elseif state ~= "waiting" then
    visit("due", job[F.run_at], id)
  end
  if job[F.schedule] and not FINAL[state] then
    visit("made:" .. job[F.schedule], job[F.place], id)
  end
end

local function leave(key, score, id)
  local there = leaving[key]
  if not there then
    there = {}
    leaving[key] = there
  end
  there[id] = score
end

local function enter(key, score, id)
  local left = leaving[key]
  if left and left[id] == score then
    left[id] = nil
    return
  end
  local there = entering[key]
  if not there then
    there = {}
    entering[key] = there
  end
  there[#there + 1] = score
  there[#there + 1] = id
end

local function add(tally, name, number)
  tally[name] = (tally[name] or 0) + number
end

local function tally(job, number)
  local state = job[F.state]
  add(tallies.counts, job[F.queue] .. "/" .. job[F.task] .. "/" .. state, number)
  if UNBEGUN[state] then
    add(tallies.unbegun, job[F.queue], number)
  elseif state == "running" then
    for _, subject in ipairs(ledger.subjects(job)) do
      add(tallies.running, subject, number)
    end
  end
  if job[F.flow] then
    flow_tallies[job[F.flow]] = flow_tallies[job[F.flow]] or {}
    add(flow_tallies[job[F.flow]], state, number)
  end
end

local function unstand(id, job)
  standing[id] = job[F.state]
  each_place(id, job, leave)
  if job[F.gates] and job[F.state] == "queued" then
    unlined[#unlined + 1] = id
  end
  tally(job, -1)
end

local function begin_less(queue, number)
  begun_less[queue] = (begun_less[queue] or 0) + number
end

-- Return how many jobs of a queue have not begun, those that this script has stored or let end among them.
function ledger.unbegun(queue)
  unbegun[queue] = unbegun[queue] or tonumber(meta.call("HGET", "unbegun", queue) or 0)
  return unbegun[queue] + (begun_less[queue] or 0)
end

-- Read jobs that are not read yet, all in one call.
function ledger.load(ids)
  local missing = {}
  for _, id in ipairs(ids) do
    if jobs[id] == nil then
      jobs[id] = false
      missing[#missing + 1] = id
    end
  end
  for place, text in ipairs(meta.fields("jobs", missing)) do
    if text then
      local is_read, job = pcall(cmsgpack.unpack, text)
      jobs[missing[place]] = is_read and job
    end
  end
end

-- Return a job as it is now, changes of this script included; false where it is not stored. It is not to be written to.
function ledger.get(id)
  if jobs[id] == nil then
    ledger.load({ id })
  end
  return jobs[id]
end

-- Return a job's record as `write` has written it.
function ledger.text(id)
  return packed[id]
end

-- Return the state that a job had before this script changed it; nil where it was not stored or not changed.
function ledger.state_before(id)
  return standing[id]
end

-- Store a new job, last in the order; `doc` is what scripts do not read. It gets its place here, if it has none.
function ledger.add(id, job, doc)
  meta.place = meta.place + 1
  job[F.place] = meta.place
  jobs[id], fresh[id] = job, true
  order[#order + 1] = id
  ledger.put("docs", id, doc)
  if job[F.flow] then
    enter("flowed:" .. job[F.flow], job[F.place], id)
  end
  if job[F.schedule] then
    enter("scheduled:" .. job[F.schedule], job[F.place], id)
  end
  if UNBEGUN[job[F.state]] then
    begin_less(job[F.queue], 1)
  end
end

-- Return a stored job to be written to; its version rises.
function ledger.change(id)
  local job = ledger.get(id)
  job[F.version] = job[F.version] + 1
  if not fresh[id] and not standing[id] then
    unstand(id, job)
    order[#order + 1] = id
  end
  changed[id] = true
  return job
end

-- Let a job end, with all that follows from it left to `following`.
function ledger.finish(id, state, keep)
  local job = ledger.change(id)
  if UNBEGUN[job[F.state]] then
    begin_less(job[F.queue], -1)
  end
  job[F.state], job[F.finished_at] = state, meta.now
  job[F.expires_at] = meta.later(meta.now, keep or job[F.keep])
  table.insert(ledger.ended, id)
  return job
end

-- Read what is kept in a hash beside the jobs, under their ids or other names, all in one call.
function ledger.read(side, names)
  local here, missing = found[side] or {}, {}
  found[side] = here
  for _, name in ipairs(names) do
    if here[name] == nil then
      here[name] = false
      missing[#missing + 1] = name
    end
  end
  for place, text in ipairs(meta.fields(side, missing)) do
    here[missing[place]] = text
  end
end

-- Set (or, with false, remove) what is kept beside a job: one of docs, results, failures, progress, attempts, bonds, or
-- of what is not forgotten with it: waits, awaited, keys, slots.
function ledger.put(side, name, text)
  if not texts[side] then
    texts[side], found[side] = {}, found[side] or {}
  end
  texts[side][name], found[side][name] = text, text
end

-- Return what is kept beside a job, changes of this script included; false where there is none.
function ledger.side(side, name)
  if not found[side] or found[side][name] == nil then
    ledger.read(side, { name })
  end
  return found[side][name]
end

-- Forget a job that has ended, and all that is kept with it.
function ledger.delete(id)
  local job = ledger.get(id)
  unstand(id, job)
  jobs[id] = false
  gone[#gone + 1] = { id, job }
end

-- Let the jobs with gates leave their line, and those that are queued now join it: after their heads are written.
local function write_lines()
  for _, id in ipairs(unlined) do
    gates.drop(id, jobs[id])
  end
  for _, id in ipairs(order) do
    local job = jobs[id]
    if job[F.gates] and job[F.state] == "queued" then
      gates.put(id, job, ledger.turn(job))
    end
  end
end

local function write_jobs()
  local heads, sides = {}, {}
  for _, id in ipairs(order) do
    local job = jobs[id]
    each_place(id, job, enter)
    tally(job, 1)
    heads[#heads + 1] = id
    packed[id] = cmsgpack.pack(job)
    heads[#heads + 1] = packed[id]
  end
  meta.call_many("HSET", "jobs", heads)
  for side, values in pairs(texts) do
    local set, unset = {}, {}
    for id, text in pairs(values) do
      if text then
        set[#set + 1] = id
        set[#set + 1] = text
      else
        unset[#unset + 1] = id
      end
    end
    meta.call_many("HSET", side, set)
    meta.call_many("HDEL", side, unset)
  end
end

local function write_gone()
  local ids, keys, slots = {}, {}, {}
  for _, pair in ipairs(gone) do
    local id, job = pair[1], pair[2]
    ids[#ids + 1] = id
    if job[F.key] then
      keys[#keys + 1] = job[F.task] .. "/" .. job[F.key]
    end
    if job[F.slot] then
      local slot = job[F.task] .. "/" .. job[F.slot]
      local holders = ledger.side("slots", slot)
      if holders and cmsgpack.unpack(holders)[1] == id then
        slots[#slots + 1] = slot
      end
    end
    if job[F.flow] then
      leave("flowed:" .. job[F.flow], job[F.place], id)
    end
    if job[F.schedule] then
      leave("scheduled:" .. job[F.schedule], job[F.place], id)
    end
  end
  meta.call_many("HDEL", "jobs", ids)
  for _, side in ipairs(SIDES) do
    meta.call_many("HDEL", side, ids)
  end
  meta.call_many("HDEL", "keys", keys)
  meta.call_many("HDEL", "slots", slots)
end

local function write_places()
  local lanes = {}
  for key, members in pairs(leaving) do
    local ids = {}
    for id in pairs(members) do
      ids[#ids + 1] = id
    end
    meta.call_many("ZREM", key, ids)
    lanes[key] = #ids > 0 or nil
  end
  for key, members in pairs(entering) do
    meta.call_many("ZADD", key, members)
    lanes[key] = true
  end
  for key in pairs(lanes) do
    if string.sub(key, 1, 5) == "lane:" then
      local command = meta.call("EXISTS", key) == 1 and "SADD" or "SREM"
      meta.call(command, "streets", string.sub(key, 6))
    end
  end
end

local function write_tallies()
  for key, numbers in pairs(tallies) do
    for name, number in pairs(numbers) do
      if number ~= 0 and meta.call("HINCRBY", key, name, number) == 0 then
        meta.call("HDEL", key, name)
      end
    end
  end
  for flow, numbers in pairs(flow_tallies) do
    for state, number in pairs(numbers) do
      if number ~= 0 and meta.call("HINCRBY", "flow:" .. flow, state, number) == 0 then
        meta.call("HDEL", "flow:" .. flow, state)
      end
    end
  end
end

local function write_flows()
  for flow in pairs(flow_tallies) do
    local first = meta.call("ZRANGE", "flowed:" .. flow, 0, 0)[1]
    if not first then
      meta.call("DEL", "flow:" .. flow)
      meta.call("ZREM", "flows", flow)
    elseif meta.call("HSETNX", "flow:" .. flow, "created", meta.now) == 1 then
      meta.call("ZADD", "flows", jobs[first][F.place], flow)
    end
  end
end

-- Tell what became of the jobs that this script has changed.
local function tell()
  for _, id in ipairs(order) do
    local job = jobs[id]
    local state, before = job[F.state], standing[id]
    if changed[id] and not fresh[id] then
      notices.change(id)
      if state == "running" and before == "running" and job[F.cancel_requested_at] then
        notices.cancel(id)
      end
    end
    if state == "queued" then
      notices.queue(job[F.queue])
    end
    if state == "scheduled" or state == "retrying" or (job[F.expires] and not FINAL[state] and state ~= "running") then
      notices.time()
    end
  end
end

local function write_others()
  local writers = ledger.later
  ledger.later = {}
  for _, write in ipairs(writers) do
    write()
  end
end

-- Write everything, and gather what listeners are told of it. A script does so once, or again for what it did since.
function ledger.write()
  if #order == 0 and #gone == 0 and next(texts) == nil then
    return write_others()
  end
  meta.is_written = true
  write_jobs()
  if #gone > 0 then
    write_gone()
  end
  write_places()
  write_tallies()
  write_flows()
  write_lines()
  tell()
  ledger.freed = {}
  for subject, number in pairs(tallies.running) do
    if number < 0 then
      ledger.freed[subject] = -number
    end
  end
  standing, fresh, changed, order, leaving, entering, texts, gone = {}, {}, {}, {}, {}, {}, {}, {}
  unlined = {}
  tallies, flow_tallies = { counts = {}, unbegun = {}, running = {} }, {}
  unbegun, begun_less = {}, {}
  write_others()
end
