-- needs:
-- The store that a script works on: the beginning of its keys, its present moment, and how a script answers.
--
-- KEYS[1] is the hash `meta`, ARGV[1] the epoch that the caller knows: where the server has another or none, it has lost
-- its data since, and nothing is done. What a verb is asked for begins at ARGV[2].

local meta = { prefix = string.sub(KEYS[1], 1, -5), is_written = false }
local known = redis.call("HMGET", KEYS[1], "epoch", "changes", "place", "clock", "ruled")
if known[1] ~= ARGV[1] then
  return { -1, "epoch" }
end
meta.changes, meta.place = tonumber(known[2]) or 0, tonumber(known[3]) or 0
meta.is_ruled = known[5] == "1" -- whether any rule or pause is in force

if known[4] then -- a test has set the moment by hand
  meta.now = tonumber(known[4])
else
  local time = redis.call("TIME")
  meta.now = time[1] * 1000000 + time[2]
end

-- The last moment that Python's calendar has, as near as a double comes; what would lie beyond is kept as this.
local LAST = 253402300799999999
local MOST = 4000 -- values in one call: what `unpack` can take lies not far above

-- Return the moment a length of time after another, or the last there is.
function meta.later(moment, length)
  return math.min(moment + length, LAST)
end

-- Break the verb off: nothing it has changed so far is written. The caller makes an error of the kind and the fields.
function meta.refuse(kind, ...)
  error({ refusal = { -1, kind, ... } })
end

-- Call a command on one of the store's keys.
function meta.call(command, key, ...)
  return redis.call(command, meta.prefix .. key, ...)
end

-- Call a command with as many values as there are, in several calls where they are very many.
function meta.call_many(command, key, values)
  for first = 1, #values, MOST do
    redis.call(command, meta.prefix .. key, unpack(values, first, math.min(first + MOST - 1, #values)))
  end
end

-- Read fields of a hash, in the order in which they are named; false for each that is missing.
function meta.fields(key, names)
  if #names <= MOST then
    return #names == 0 and {} or redis.call("HMGET", meta.prefix .. key, unpack(names))
  end
  local found = {}
  for first = 1, #names, MOST do
    local part = redis.call("HMGET", meta.prefix .. key, unpack(names, first, math.min(first + MOST - 1, #names)))
    for place = 1, #part do
      found[first + place - 1] = part[place]
    end
  end
  return found
end

-- Let all that is written from here on be written, though the server have no memory left: it looks at a script's first
-- write only, and lets one pass that takes none. For what must go on then, as it ends jobs or frees memory.
function meta.press_on()
  meta.call("HDEL", "jobs", "")
end

-- Say how many changes the store has seen; a script that has written is one more.
function meta.count()
  if meta.is_written then
    meta.changes = meta.changes + 1
    redis.call("HSET", KEYS[1], "changes", meta.changes, "place", meta.place)
  end
  return meta.changes
end
