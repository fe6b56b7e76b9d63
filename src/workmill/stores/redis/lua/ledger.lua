-- needs: meta notices places
-- The jobs that a script looks at: read once, changed in memory, written once at its end with every index over them.
--
--   load/get -> change -> fields are set -> write (the job leaves the places that it had and enters those it has now)
--
-- Nothing reaches the store before `write`, so a verb that is broken off has done nothing.

local ledger = { ended = {}, later = {} } -- later: what else is to be written with the jobs, functions called once
local jobs, standing, fresh, order = {}, {}, {}, {} -- standing: the state in which a job was read
local found, texts, gone, packed = {}, {}, {}, {}
local unbegun, begun_less = {}, {}

local FINAL, UNBEGUN = places.FINAL, places.UNBEGUN
local SIDES = { "docs", "results", "failures", "progress", "attempts", "bonds" }

ledger.FINAL = FINAL

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

-- Store a new job, last in the order; `doc` is what scripts do not read. It gets its place here, if it has none.
function ledger.add(id, job, doc)
  meta.place = meta.place + 1
  job[F.place] = meta.place
  jobs[id], fresh[id] = job, true
  order[#order + 1] = id
  ledger.put("docs", id, doc)
  places.list(id, job)
  if UNBEGUN[job[F.state]] then
    begin_less(job[F.queue], 1)
  end
end

-- Return a stored job to be written to; its version rises.
function ledger.change(id)
  local job = ledger.get(id)
  job[F.version] = job[F.version] + 1
  if not fresh[id] and not standing[id] then
    standing[id] = job[F.state]
    order[#order + 1] = id
  end
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
  places.leave(id, job, job[F.state])
  places.unlist(id, job)
  jobs[id] = false
  gone[#gone + 1] = { id, job }
end

-- Let a job stand where it does now.
local function move(id, job)
  local before = standing[id]
  if before == job[F.state] then
    places.wait(id, job)
    return
  end
  if before then
    places.leave(id, job, before)
  end
  places.enter(id, job)
end

local function write_jobs()
  local heads, sides = {}, {}
  for _, id in ipairs(order) do
    local job = jobs[id]
    move(id, job)
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
  end
  meta.call_many("HDEL", "jobs", ids)
  for _, side in ipairs(SIDES) do
    meta.call_many("HDEL", side, ids)
  end
  meta.call_many("HDEL", "keys", keys)
  meta.call_many("HDEL", "slots", slots)
end

-- Tell what became of the jobs that this script has changed.
local function tell()
  for _, id in ipairs(order) do
    local job = jobs[id]
    local state, before = job[F.state], standing[id]
    if before then
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
  places.write()
  tell()
  standing, fresh, order, texts, gone = {}, {}, {}, {}, {}
  unbegun, begun_less = {}, {}
  write_others()
end
