-- needs: meta notices (rules gates telling)
-- When attempts began that a rate counts.
--
--   starts:<subject>   the moments, the oldest first
--   started            the subjects that have any, by the moment at which the newest counts no more
--   opening            the subjects whose rate is reached, by the moment at which the next may begin

local rates = {}
local MOST = 1000 -- rates that one script looks at because they open
local PART = 100

-- Forget what a rate counts no more, and return how many it still counts.
local function age(subject, per)
  local key = "starts:" .. subject
  local is_over = false
  while not is_over do
    local oldest, gone = meta.call("LRANGE", key, 0, PART - 1), 0
    while gone < #oldest and meta.later(tonumber(oldest[gone + 1]), per) <= meta.now do
      gone = gone + 1
    end
    if gone > 0 then
      meta.is_written = true
      meta.call("LTRIM", key, gone, -1)
    end
    is_over = gone < PART
  end
  return meta.call("LLEN", key)
end

-- Return when a rate that is reached lets the next begin; nil where one may now.
function rates.opens_at(subject, rule)
  local start = rule.count and meta.call("LINDEX", "starts:" .. subject, string.format("-%.0f", rule.count))
  local opens_at = start and meta.later(tonumber(start), rule.per)
  return opens_at and opens_at > meta.now and opens_at or nil
end

-- Return how many may begin now.
function rates.left(subject, rule)
  return rule.count - age(subject, rule.per)
end

local function forget(subject)
  meta.call("DEL", "starts:" .. subject)
  meta.call("ZREM", "started", subject)
  meta.call("ZREM", "opening", subject)
end

-- Let up to so many of those who have begun nothing for long leave nothing behind.
local function sweep(number)
  for _, subject in ipairs(meta.call("ZRANGEBYSCORE", "started", "-inf", meta.now, "LIMIT", 0, number)) do
    meta.is_written = true
    meta.call("DEL", "starts:" .. subject)
    meta.call("ZREM", "started", subject)
  end
end

-- Keep when a reached rate opens, and tell who waits for times where that is the next one.
local function watch(subject, rule)
  local opens_at = rates.opens_at(subject, rule)
  if not opens_at then
    meta.call("ZREM", "opening", subject)
    return
  end
  meta.call("ZADD", "opening", opens_at, subject)
  if meta.call("ZRANGE", "opening", 0, 0)[1] == subject then
    notices.time()
  end
end

-- Count beginnings, all of them now.
function rates.add(subject, rule, number)
  meta.is_written = true
  sweep(2) -- More than are added, so that none stay.
  local moments = {}
  for place = 1, number do
    moments[place] = meta.now
  end
  meta.call_many("RPUSH", "starts:" .. subject, moments)
  meta.call("ZADD", "started", meta.later(meta.now, rule.per), subject)
  watch(subject, rule)
end

-- Let those go on whom a rate held back until now, and tell of them.
function rates.open()
  if not meta.is_ruled then
    return
  end
  for _, subject in ipairs(meta.call("ZRANGEBYSCORE", "opening", "-inf", meta.now, "LIMIT", 0, MOST)) do
    meta.is_written = true
    watch(subject, rules.get(subject))
    if string.sub(subject, 1, 4) == "key:" then
      gates.reopen(string.sub(subject, 5))
    end
    telling.of(subject)
  end
  sweep(PART)
end

-- Return when the first opens of those whose rate is reached; nil where none is.
function rates.next_at()
  local first = meta.is_ruled and meta.call("ZRANGE", "opening", 0, 0, "WITHSCORES") or {}
  return tonumber(first[2])
end

-- Count by other rules from now on, where `before` has the rule that held until now, by title. What one counts whose
-- place another takes goes on to count.
function rates.keep(before)
  for _, subject in ipairs(meta.call("ZRANGE", "started", 0, -1)) do
    local was, is = before[rules.title(subject)], rules.get(subject)
    if was and (not (is and is.count) or age(subject, was.per) == 0) then
      forget(subject)
    elseif was then
      local newest = tonumber(meta.call("LINDEX", "starts:" .. subject, -1))
      meta.call("ZADD", "started", meta.later(newest, is.per), subject)
      watch(subject, is)
    end
  end
end
