-- needs: meta ledger (unstarted)
-- Who follows whom, and what becomes of followers when jobs end.
--
--   bonds               id -> the parents that it named, and those whose end it awaits by rule; kept with the job
--   waits               id -> what is still missing; as long as it is waiting
--   followers:<parent>  the waiting jobs that miss it, by their places, half a step behind where by rule; until its end
--   awaited             parent -> how many that have not ended follow it, waiting or not: so long it is kept

local following = {}
local ID, HEAD, DELAY, AFTER, NEEDS = 1, 2, 3, 4, 5 -- of a new job
local W = { needs = 1, delay = 2, missing = 3, named = 4, has_failure = 5 } -- of what is still missing
local BY_RULE = 0.5
local opened, changed = {}, {} -- what is still missing, as it was read, and of whom it changed
local joined, parted, emptied = {}, {}, {} -- what this script changes of the lines of followers, by the parent

local function write_lines()
  for parent in pairs(emptied) do
    meta.call("DEL", "followers:" .. parent)
  end
  for parent, ids in pairs(parted) do
    meta.call_many("ZREM", "followers:" .. parent, ids)
  end
  for parent, members in pairs(joined) do
    meta.call_many("ZADD", "followers:" .. parent, members)
  end
  joined, parted, emptied = {}, {}, {}
end

local function write_later()
  if not next(joined) and not next(parted) and not next(emptied) then
    table.insert(ledger.later, write_lines)
  end
end

local function lines_of(lines, parent)
  write_later()
  lines[parent] = lines[parent] or {}
  return lines[parent]
end

local function bond_of(id)
  local text = ledger.side("bonds", id)
  return text and cmsgpack.unpack(text)
end

local function missing_of(id)
  if opened[id] == nil then
    local text = ledger.side("waits", id)
    opened[id] = text and cmsgpack.unpack(text)
  end
  return opened[id]
end

local function close(id)
  opened[id], changed[id] = false, nil
  ledger.put("waits", id, false)
end

local function await(parent, number)
  local count = (tonumber(ledger.side("awaited", parent)) or 0) + number
  ledger.put("awaited", parent, count > 0 and count)
end

local function is_final(id)
  local job = ledger.get(id)
  return not job or ledger.FINAL[job[F.state]]
end

-- Return the parents that a new job names, each once, and behind whom it is besides.
local function parents_of(new, behind, answers)
  local named, by_rule, seen = {}, {}, {}
  for _, parent in ipairs(new[AFTER] or {}) do
    parent = answers[parent] or parent
    if not seen[parent] then
      seen[parent] = true
      named[#named + 1] = parent
    end
  end
  for _, parent in ipairs(behind or {}) do
    if not seen[parent] then
      seen[parent] = true
      by_rule[#by_rule + 1] = parent
    end
  end
  return named, by_rule
end

-- Return how one that needs success ends because of a parent's end, and its failure or its reason; nil where it does not.
local function spoilt(parent)
  local state = ledger.get(parent)[F.state]
  if state == "failed" then
    return "failed", unstarted.parent_failed(parent)
  elseif state == "cancelled" then
    return "cancelled", unstarted.parent_cancelled(parent)
  end
end

-- Return how one goes on, or ends unneeded, where no parent is missing for that; nil where one is.
local function gone_on(wait)
  if wait[W.needs] == "failure" and wait[W.named] == 0 and not wait[W.has_failure] then
    return "cancelled", unstarted.NOT_NEEDED
  elseif wait[W.missing] == 0 then
    return "queued"
  end
end

-- Return what is missing of a new job's parents, and how it begins because of those that have ended.
local function weighed(new, named, by_rule)
  local wait = { new[AFTER] and new[NEEDS] or "end", new[DELAY], 0, 0, false }
  local state, why
  for _, parent in ipairs(named) do
    if not ledger.get(parent) then
      meta.refuse("parent", new[ID], parent)
    elseif not is_final(parent) then
      wait[W.missing], wait[W.named] = wait[W.missing] + 1, wait[W.named] + 1
    else
      wait[W.has_failure] = wait[W.has_failure] or ledger.get(parent)[F.state] == "failed"
      if not state and wait[W.needs] == "success" then
        state, why = spoilt(parent)
      end
    end
  end
  for _, parent in ipairs(by_rule) do
    wait[W.missing] = wait[W.missing] + (is_final(parent) and 0 or 1)
  end
  if not state then
    state, why = gone_on(wait)
  end
  return wait, state or "waiting", why
end

-- Say of a job that ends without having begun why.
local function explain(id, job, state, why)
  if state == "failed" then
    ledger.put("failures", id, why)
  else
    job[F.cancel_reason] = why
  end
end

-- Let a job, which waits for nobody, begin now or when its time has come.
local function release(job, delay)
  if delay then
    job[F.run_at] = meta.later(meta.now, delay)
  end
  job[F.state] = job[F.run_at] and job[F.run_at] > meta.now and "scheduled" or "queued"
end

local function join(parent, id, score)
  if is_final(parent) then
    return
  end
  local line = lines_of(joined, parent)
  line[#line + 1] = score
  line[#line + 1] = id
end

-- Keep whom a new job follows.
local function keep(id, job, named, by_rule)
  ledger.is_tied = true -- so that ends are looked at, though no follower be stored yet
  ledger.put("bonds", id, cmsgpack.pack({ named, by_rule }))
  if ledger.FINAL[job[F.state]] then
    return
  end
  for _, parent in ipairs(named) do
    await(parent, 1)
    join(parent, id, job[F.place])
  end
  for _, parent in ipairs(by_rule) do
    await(parent, 1)
    join(parent, id, job[F.place] + BY_RULE)
  end
end

-- Store a new job in the state that those it follows leave it. It must await the end of those it is `behind`, too, though
-- it does not name them; `answers` say which job is meant by an id that was brought with it.
function following.begin(new, doc, behind, answers)
  local id, job = new[ID], new[HEAD]
  job[F.created_at] = meta.now
  if not new[AFTER] and not behind then
    release(job, new[DELAY])
    return ledger.add(id, job, doc)
  end
  local named, by_rule = parents_of(new, behind, answers)
  local wait, state, why = weighed(new, named, by_rule)
  job[F.state] = state
  if state == "queued" then
    release(job, new[DELAY])
  elseif state == "waiting" then
    opened[id] = wait
    ledger.put("waits", id, cmsgpack.pack(wait))
  else
    explain(id, job, state, why)
    job[F.finished_at], job[F.expires_at] = meta.now, meta.later(meta.now, job[F.keep])
  end
  ledger.add(id, job, doc)
  keep(id, job, named, by_rule)
end

-- Return those that a job follows, in the order named, those by rule last.
function following.parents(id)
  local bond = bond_of(id)
  if not bond then
    return {}
  end
  local parents = bond[1]
  for _, parent in ipairs(bond[2]) do
    parents[#parents + 1] = parent
  end
  return parents
end

-- Return those of them that have not ended.
function following.open_parents(id)
  local open, parents = {}, following.parents(id)
  ledger.load(parents)
  for _, parent in ipairs(parents) do
    if not is_final(parent) then
      open[#open + 1] = parent
    end
  end
  return open
end

-- Let one leave a line that it has joined in this very script; say whether it had.
local function unjoin(parent, id)
  local line = joined[parent] or {}
  for place = #line, 2, -2 do
    if line[place] == id then
      table.remove(line, place)
      table.remove(line, place - 1)
      return true
    end
  end
  return false
end

-- Let a job that has ended be no follower any more.
local function part(id)
  if not ledger.side("bonds", id) then
    return
  end
  local parents, wait = following.parents(id), missing_of(id)
  for _, parent in ipairs(parents) do
    await(parent, -1)
    if wait and wait[W.missing] > 0 and not emptied[parent] and not unjoin(parent, id) then
      table.insert(lines_of(parted, parent), id)
    end
  end
  if wait then
    close(id)
  end
end

-- Return the waiting jobs that miss a parent which has ended, in their order, each with whether it named that.
local function leave_line(parent)
  local line, found = meta.call("ZRANGE", "followers:" .. parent, 0, -1, "WITHSCORES"), {}
  for place = 1, #line, 2 do
    found[#found + 1] = { line[place], tonumber(line[place + 1]) % 1 == 0 }
  end
  line = joined[parent] or {}
  for place = 1, #line, 2 do
    found[#found + 1] = { line[place + 1], line[place] % 1 == 0 }
  end
  write_later()
  emptied[parent], joined[parent] = true, nil
  return found
end

-- Note a parent's end for one that waited for it, and let that go on, or end, where this decides it.
local function note(id, is_named, parent)
  local job, wait = ledger.get(id), missing_of(id)
  if not job or job[F.state] ~= "waiting" or not wait then
    return
  end
  local state, why
  changed[id], wait[W.missing] = true, wait[W.missing] - 1
  if is_named then
    wait[W.named] = wait[W.named] - 1
    wait[W.has_failure] = wait[W.has_failure] or ledger.get(parent)[F.state] == "failed"
    if wait[W.needs] == "success" then
      state, why = spoilt(parent)
    end
  end
  if not state then
    state, why = gone_on(wait)
  end
  if state == "queued" then
    release(ledger.change(id), wait[W.delay])
    close(id)
  elseif state then
    explain(id, ledger.finish(id, state), state, why)
  end
end

local function write_changed()
  for id in pairs(changed) do
    ledger.put("waits", id, cmsgpack.pack(opened[id]))
  end
  changed = {}
end

-- Let those go on, or end, who waited for jobs that have ended. Who ends because of that is not followed up here.
function following.follow(wave)
  local lines, ids = {}, {}
  ledger.read("awaited", wave)
  ledger.read("bonds", wave)
  for place, parent in ipairs(wave) do
    lines[place] = ledger.side("awaited", parent) and leave_line(parent) or {}
    for _, entry in ipairs(lines[place]) do
      ids[#ids + 1] = entry[1]
    end
  end
  ledger.load(ids)
  ledger.read("waits", ids)
  for place, parent in ipairs(wave) do
    part(parent)
    for _, entry in ipairs(lines[place]) do
      note(entry[1], entry[2], parent)
    end
  end
  write_changed()
end
