-- needs: meta ledger places streets (rules rates gates)
-- What holds a job back: limits and rates that are reached, and who is taken before it.

local hindrance = {}

-- Return whatever counts a job: its gates, its queue, its task.
local function subjects_of(job)
  local found = { "queue:" .. job[F.queue], "task:" .. job[F.task] }
  for _, gate in ipairs(job[F.gates] or {}) do
    found[#found + 1] = "key:" .. gate[1] .. "/" .. gate[2]
  end
  return found
end

local function is_counted(job, subject)
  for _, one in ipairs(subjects_of(job)) do
    if one == subject then
      return true
    end
  end
  return false
end

local function longest_first(one, other)
  if one[1] ~= other[1] then
    return one[1] < other[1]
  end
  return one[2] < other[2]
end

-- Return the running jobs that a subject counts, the longest running first, each as: since when, id.
local function running_of(subject)
  local found = {}
  for _, worker in ipairs(meta.call("ZRANGE", "holders", 0, -1)) do
    local ids = meta.call("ZRANGE", "held:" .. worker, 0, -1)
    ledger.load(ids)
    for _, id in ipairs(ids) do
      local job = ledger.get(id)
      if job and is_counted(job, subject) then
        found[#found + 1] = { job[F.started_at], id }
      end
    end
  end
  table.sort(found, longest_first)
  return found
end

-- Return who runs so that a rule lets no more begin: how many, since when, and the ids of up to `named`; false where it
-- has room.
local function limit_of(subject, rule, named)
  local running = tonumber(meta.call("HGET", "running", subject) or 0)
  if not rule.running or running < rule.running then
    return false
  end
  local who, ids = running_of(subject), {}
  for place = 1, math.min(#who, named) do
    ids[place] = who[place][2]
  end
  return { running, who[1] and who[1][1] or false, ids }
end

-- Return the rules that hold a job back, each as: title, what it says, subject, who runs, when its rate opens; false for
-- what does not hold it back.
function hindrance.rules(job, named)
  local found = {}
  for _, subject in ipairs(subjects_of(job)) do
    local rule = rules.get(subject)
    local limit = rule and limit_of(subject, rule, named)
    local opens_at = rule and rates.opens_at(subject, rule) or false
    if limit or opens_at then
      local title = rules.title(subject)
      found[#found + 1] = { title, meta.call("HGET", "rules", title), subject, limit, opens_at }
    end
  end
  return found
end

-- Return how many queued jobs on its queue are taken before a job; counted to `most`.
function hindrance.ahead(job, most)
  local count, before = 0, string.format("(%.0f", places.turn(job))
  for _, street in ipairs(meta.call("SMEMBERS", "streets")) do
    local queue, task, is_gated = streets.split(street)
    if queue == job[F.queue] and is_gated == "" then
      count = count + meta.call("ZCOUNT", "lane:" .. street, "-inf", before)
    elseif queue == job[F.queue] then
      count = count + gates.count(queue .. "/" .. task, before, most - count)
    end
  end
  return math.min(count, most)
end
