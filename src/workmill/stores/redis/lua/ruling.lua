-- needs: meta notices (gates rules rates)
-- How rules come and go.
--
--   rules:declared   what code says, by title
--   rules:set        what was set by hand
--   rules            what holds: what was set by hand or, where nothing was, what code says
--   bounds           how many jobs a queue may hold that have not begun, where a rule says so
--   pauses           since when a queue is paused, and by whom
--
-- Whether any rule or pause holds at all stands in `meta`, so that who claims where none does pays nothing for them.

local ruling = {}
local WAITING = 4 -- the place in a rule's record

local function mark()
  local is_ruled = meta.call("EXISTS", "rules") == 1 or meta.call("EXISTS", "pauses") == 1
  redis.call("HSET", KEYS[1], "ruled", is_ruled and "1" or "0")
end

local function write(title, text)
  local queue = string.match(title, "^queue:(.*)$")
  local waiting = text and cmsgpack.unpack(text)[WAITING]
  if text then
    meta.call("HSET", "rules", title, text)
  else
    meta.call("HDEL", "rules", title)
  end
  if queue and waiting then
    meta.call("HSET", "bounds", queue, string.format("%.0f", waiting))
  elseif queue then
    meta.call("HDEL", "bounds", queue)
  end
end

-- Let of these titles hold what is to hold now, and return what held of those that changed.
local function exchange(titles)
  local declared, by_hand = meta.fields("rules:declared", titles), meta.fields("rules:set", titles)
  local before = {}
  for place, old in ipairs(meta.fields("rules", titles)) do
    local title, new = titles[place], by_hand[place] or declared[place]
    if old ~= new then
      before[title] = old and rules.read(old)
      write(title, new)
    end
  end
  return before
end

local function are_about_keys(titles)
  for title in pairs(titles) do
    if string.sub(title, 1, 4) == "key:" then
      return true
    end
  end
  return false
end

-- Let hold what code and people have said of these titles, and tell who may begin now.
local function enforce(titles)
  meta.is_written = true
  local before = exchange(titles)
  if next(before) == nil then
    return
  end
  mark()
  rules.learn(titles)
  rates.keep(before)
  if are_about_keys(before) then
    gates.reopen_all()
  end
  notices.any_queue()
  notices.time()
end

-- Note rules, each as its title and its text, in one of `rules:declared` and `rules:set`.
function ruling.put(hash, said)
  local pairs_of, titles = {}, {}
  for place, rule in ipairs(said) do
    titles[place] = rule[1]
    pairs_of[2 * place - 1], pairs_of[2 * place] = rule[1], rule[2]
  end
  meta.call_many("HSET", hash, pairs_of)
  enforce(titles)
end

-- Undo what was set by hand.
function ruling.reset(titles)
  meta.call_many("HDEL", "rules:set", titles)
  enforce(titles)
end

-- Return the rules in force, each as: title, what holds, what code says, how many run that it counts.
function ruling.all()
  local found, titles, counters = {}, {}, {}
  local stored = meta.call("HGETALL", "rules")
  for place = 1, #stored, 2 do
    titles[#titles + 1] = stored[place]
    counters[#counters + 1] = (string.gsub(stored[place], "^key:", "keys:"))
    found[#found + 1] = { stored[place], stored[place + 1] }
  end
  local declared, running = meta.fields("rules:declared", titles), meta.fields("running", counters)
  for place, rule in ipairs(found) do
    rule[3], rule[4] = declared[place], running[place] or 0
  end
  return found
end

-- Pause queues that are not yet paused.
function ruling.pause(queues, by)
  meta.is_written = true
  for _, queue in ipairs(queues) do
    meta.call("HSETNX", "pauses", queue, cmsgpack.pack({ meta.now, by }))
  end
  mark()
end

-- Undo pauses, and tell who may begin now.
function ruling.resume(queues)
  meta.is_written = true
  for _, queue in ipairs(queues) do
    if meta.call("HDEL", "pauses", queue) == 1 then
      notices.queue(queue)
    end
  end
  mark()
end
