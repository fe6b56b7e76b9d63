-- needs: meta ledger ends (claiming room)
-- End attempts, each if its claim is the newest, and claim more.
--
-- ARGV[2]: what ends, and what to claim or false. An end is { id, token, attempt, deaths, keep, result } where it simply
-- succeeded, else with { state, ending, delay, failure, reason } behind; false for what there is not. Answers the verdicts
-- (none where all is applied) and what was claimed.

local asked = cmsgpack.unpack(ARGV[2])
local transitions, request = asked[1], asked[2]
local ID, TOKEN, ATTEMPT, DEATHS, KEEP, RESULT = 1, 2, 3, 4, 5, 6
local STATE, ENDING, DELAY, FAILURE, REASON = 7, 8, 9, 10, 11
local APPLIED, STALE, CANCEL_REQUESTED = 0, 1, 2
local is_requeued = false -- whether any job can be claimed again at once

-- Keep how an attempt ended. One that simply succeeded needs no record: its job, which is final, tells all of it.
local function record(id, job, ending, failure)
  local ended = { job[F.attempt], job[F.token], job[F.worker], job[F.started_at], meta.now, ending, failure }
  ledger.put("attempts", id, (ledger.side("attempts", id) or "") .. cmsgpack.pack(ended))
end

local function verdict_on(job, one)
  if not job or job[F.state] ~= "running" or job[F.token] ~= one[TOKEN] then
    return STALE
  elseif job[F.cancel_requested_at] and one[STATE] and not ledger.FINAL[one[STATE]] then
    return CANCEL_REQUESTED
  end
  return APPLIED
end

local function succeed(id, job, one)
  if job[F.attempt] ~= one[ATTEMPT] then
    record(id, job, "succeeded", false)
  end
  if job[F.token] > 1 then -- else nothing has ended before that could have failed
    ledger.put("failures", id, false)
  end
  ledger.finish(id, "succeeded", one[KEEP])
end

local function go_on(id, one)
  local job = ledger.change(id)
  job[F.state] = one[STATE]
  if one[STATE] == "queued" then
    is_requeued = true
  else
    job[F.run_at] = meta.later(meta.now, one[DELAY] or 0)
  end
end

local function end_otherwise(id, job, one)
  record(id, job, one[ENDING], one[FAILURE])
  if one[FAILURE] or one[ENDING] == "succeeded" then
    ledger.put("failures", id, one[FAILURE])
  end
  if ledger.FINAL[one[STATE]] then
    ledger.finish(id, one[STATE], one[KEEP])
  else
    go_on(id, one)
  end
  job[F.cancel_reason] = one[REASON] or job[F.cancel_reason]
end

local function apply(id, job, one)
  if one[STATE] then
    end_otherwise(id, job, one)
  else
    succeed(id, job, one)
  end
  job[F.attempt], job[F.deaths] = one[ATTEMPT], one[DEATHS]
  if one[RESULT] then
    ledger.put("results", id, one[RESULT])
  end
end

local ids, verdicts, is_mixed = {}, {}, false
for place, one in ipairs(transitions) do
  ids[place] = one[ID]
end
ledger.load(ids)
for place, one in ipairs(transitions) do
  local id, job = one[ID], ledger.get(one[ID])
  verdicts[place] = verdict_on(job, one)
  if verdicts[place] == APPLIED then
    apply(id, job, one)
  else
    is_mixed = true
  end
end
local is_followed = ends.conclude()
meta.press_on()
if is_followed or is_requeued or meta.is_ruled then
  ledger.write() -- as a claim must see it; else it writes both at once
end
if meta.is_ruled then
  room.free()
end
local claimed = request and claiming.claim(request) or {}
ledger.write()
if meta.is_ruled then
  room.tell()
end
return { is_mixed and verdicts, claimed }
