-- needs: meta notices
-- Messages by their numbers, which are their cursors; each stays for an hour.
--
--   messages   number → record [id, channel, data, published_at]       message:ids  id → number
--   channel:<name>  zset of the numbers on one channel
--   meta: number of the newest message, oldest that may still be stored

local channels = {}
local KEPT = 3600000000
local MOST = 5000 -- messages that one prune forgets
local EXTRA = 2 -- for each that comes so many may go, so that they cannot pile up where nobody prunes

-- Return whether a message can still be heard.
function channels.is_kept(record)
  return meta.now < meta.later(record[4], KEPT)
end

-- Return the record of a stored message; false where there is none, or none that can be read.
function channels.read(text)
  local is_read, record = pcall(cmsgpack.unpack, text or "")
  return text and is_read and type(record) == "table" and record
end

local function is_heard(number)
  local record = channels.read(meta.call("HGET", "messages", string.format("%.0f", number)))
  return record and channels.is_kept(record)
end

-- Return the numbers of the newest message and of the oldest that may still be stored.
function channels.span()
  local found = redis.call("HMGET", KEYS[1], "number", "oldest")
  return tonumber(found[1]) or 0, tonumber(found[2]) or 1
end

-- Return the number of the first message that can still be heard, or of the next one: those that are too old may be many
-- where nobody prunes.
function channels.first_heard()
  local newest, first = channels.span()
  if is_heard(first) then
    return first
  end
  local last = newest + 1
  while first < last do
    local middle = math.floor((first + last) / 2)
    if is_heard(middle) then
      last = middle
    else
      first = middle + 1
    end
  end
  return first
end

-- Return the records of messages by id where they are stored, ids as keys.
local function known(news)
  local ids, found = {}, {}
  for place, new in ipairs(news) do
    ids[place] = new[1]
  end
  local numbers = meta.fields("message:ids", ids)
  for place, id in ipairs(ids) do
    local text = numbers[place] and meta.call("HGET", "messages", numbers[place])
    if channels.read(text) then
      found[id] = { numbers[place], text }
    end
  end
  return found
end

-- Store messages [id, channel, data], but those whose id is stored. Return number and record of each. It writes at once.
function channels.publish(news)
  local answers, found, number = {}, known(news), channels.span()
  for place, new in ipairs(news) do
    local id, channel = new[1], new[2]
    if not found[id] then
      number = number + 1
      local name = string.format("%.0f", number)
      found[id] = { name, cmsgpack.pack({ id, channel, new[3], meta.now }) }
      meta.call("HSET", "messages", name, found[id][2])
      meta.call("HSET", "message:ids", id, name)
      meta.call("ZADD", "channel:" .. channel, name, name)
      notices.message(channel)
    end
    answers[place] = found[id]
  end
  redis.call("HSET", KEYS[1], "number", number)
  meta.is_written = true
  channels.forget(EXTRA * #news)
  return answers
end

local function drop(number, record)
  meta.call("HDEL", "messages", number)
  if record then
    meta.call("HDEL", "message:ids", record[1])
    meta.call("ZREM", "channel:" .. record[2], number)
  end
end

-- Forget messages that are too old to be heard, up to `most`. It writes at once, and first of all deletes.
function channels.forget(most)
  local newest, oldest = channels.span()
  local last = math.min(newest, oldest + (most or MOST) - 1)
  local number = oldest
  while number <= last do
    local name = string.format("%.0f", number)
    local text = meta.call("HGET", "messages", name)
    local record = channels.read(text)
    if record and channels.is_kept(record) then
      break
    end
    drop(name, record)
    number = number + 1
  end
  if number > oldest then
    redis.call("HSET", KEYS[1], "oldest", number)
    meta.is_written = true
  end
end
