-- needs: meta ledger following (slots ends cancelling unstarted rows)
-- How new jobs are stored, each looked at in its turn, as if those before it were stored already.
--
-- A new job is { id, head, delay, parents named, needs, unique }, with false for what there is not; its doc comes beside.

local storing = {}
local ID, HEAD, AFTER, UNIQUE = 1, 2, 4, 6
local ON_CONFLICT = 4 -- of what it says about being unique
local answers = {} -- which job stands for an id that was brought

local function key_of(job)
  return job[F.task] .. "/" .. job[F.key]
end

-- Return where the arguments begin in a doc.
local function args_of(doc)
  local line_end = string.find(doc, "\n", 1, true)
  return line_end and string.sub(doc, line_end + 1)
end

-- Read in few calls what new jobs will be compared with.
function storing.prepare(news)
  local ids, keys, heads = {}, {}, {}
  for _, new in ipairs(news) do
    ids[#ids + 1] = new[ID]
    heads[#heads + 1] = new[UNIQUE] and new[HEAD] or nil
    for _, parent in ipairs(new[AFTER] or {}) do
      ids[#ids + 1] = parent
    end
    if new[HEAD][F.key] then
      keys[#keys + 1] = key_of(new[HEAD])
    end
  end
  ledger.load(ids)
  ledger.read("keys", keys)
  if #heads > 0 then
    slots.read(heads)
  end
end

-- Return the job that is stored already under the same id or key.
local function known(new, doc)
  local job = new[HEAD]
  if ledger.get(new[ID]) then
    return new[ID]
  end
  local named = job[F.key] and ledger.side("keys", key_of(job))
  if not named or not ledger.get(named) then
    return nil
  end
  local there = ledger.side("docs", named)
  if not there or args_of(there) ~= args_of(doc) then
    meta.refuse("conflict", named, job[F.task], job[F.key])
  end
  return named
end

-- Cancel the job whose place a new one takes, and return those for whose end the new one must wait.
local function make_way(there, reason)
  local state, behind = ledger.get(there)[F.state], {}
  if state == "waiting" then
    behind = following.open_parents(there)
  elseif state == "running" then
    behind = { there }
  end
  if cancelling.cancel(there, reason, false) then
    ends.conclude()
  end
  return behind
end

-- Return whom a new job is behind where it takes another's place.
local function take_place(new, there, behind)
  local all, awaited = {}, slots.awaited(new[HEAD])
  local made_way = make_way(there, unstarted.replaced_by(new[ID]))
  for _, ids in ipairs({ behind or {}, { awaited }, made_way }) do
    for _, id in ipairs(ids) do
      all[#all + 1] = id
    end
  end
  return #all > 0 and all or nil
end

local function check_bound(job)
  local queue = job[F.queue]
  local bound = ledger.side("bounds", queue)
  if bound and not ledger.FINAL[job[F.state]] and ledger.unbegun(queue) > tonumber(bound) then
    meta.refuse("full", queue, bound)
  end
end

local function write_new(new, doc, behind, is_bounded, there)
  local id, job = new[ID], new[HEAD]
  following.begin(new, doc, behind, answers)
  if job[F.key] then
    ledger.put("keys", key_of(job), id)
  end
  if job[F.slot] then
    slots.take(id, job, there)
  end
  if is_bounded then
    check_bound(job)
  end
  return id, true
end

-- Store a new job or do what it says where there is one like it; return the job that is there then and whether it was
-- created, nothing where it is skipped.
local function place(new, doc, behind, is_bounded)
  local there = known(new, doc)
  if there then
    return there, false
  end
  local unique = new[UNIQUE]
  there = unique and slots.in_the_way(new[HEAD], unique)
  if not there then
    return write_new(new, doc, behind, is_bounded)
  elseif unique[ON_CONFLICT] == "reject" then
    meta.refuse("unique", there, new[HEAD][F.task], ledger.get(there)[F.state])
  elseif unique[ON_CONFLICT] == "replace" then
    return write_new(new, doc, take_place(new, there, behind), is_bounded, there)
  end
  answers[new[ID]] = there
  if unique[ON_CONFLICT] == "return" then
    return there, false
  end
end

-- Store a new job that awaits the end of those it is `behind`; where `is_bounded`, its queue may be too full for it.
-- Return the job that is there then, as an id, and whether it was created; nothing where it is skipped.
function storing.store(new, doc, behind, is_bounded)
  local id, is_created = place(new, doc, behind, is_bounded)
  if id then
    answers[new[ID]] = id
  end
  return id, is_created
end

-- Return what is answered of jobs that `store` returned, each { id, is_created } or false, once all is written: false for
-- one that was skipped, a row for one that was there, the record and the failure for one that was created.
function storing.answered(stored)
  local known_ids, created, answer = {}, {}, {}
  for _, one in ipairs(stored) do
    if one then
      table.insert(one[2] and created or known_ids, one[1])
    end
  end
  local there = #known_ids > 0 and rows.of(known_ids)
  local failures = ledger.is_tied and meta.fields("failures", created) or {}
  local next_there, next_created = 0, 0
  for number, one in ipairs(stored) do
    if not one then
      answer[number] = false
    elseif one[2] then
      next_created = next_created + 1
      answer[number] = { one[1], ledger.text(one[1]), false, false, failures[next_created] or false, false }
    else
      next_there = next_there + 1
      answer[number] = there[next_there]
    end
  end
  return answer
end
