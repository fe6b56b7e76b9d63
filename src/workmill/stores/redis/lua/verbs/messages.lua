-- needs: meta channels
-- Messages on some channels behind a number, up to `limit`; looked for among the next MOST of each channel.
-- Answers the newest number there is, then the one up to which was looked, false where that is all, then the messages.

local MOST = 200
local asked = cmsgpack.unpack(ARGV[2]) -- channels behind limit
local newest = channels.span()
local behind = math.max(asked.behind, channels.first_heard() - 1)
local numbers, horizon = {}, math.huge

local function gather(channel)
  local found = meta.call("ZRANGEBYSCORE", "channel:" .. channel, string.format("(%.0f", behind), "+inf", "LIMIT", 0, MOST)
  for _, number in ipairs(found) do
    numbers[#numbers + 1] = tonumber(number)
  end
  if #found == MOST then
    horizon = math.min(horizon, tonumber(found[MOST]))
  end
end

local function heard()
  local found = {}
  for _, number in ipairs(numbers) do
    if #found == asked.limit or number > horizon then
      break
    end
    local name = string.format("%.0f", number)
    local text = meta.call("HGET", "messages", name)
    local record = channels.read(text)
    if record and channels.is_kept(record) then
      found[#found + 1] = { name, text }
    end
  end
  return found
end

for _, channel in ipairs(asked.channels) do
  gather(channel)
end
table.sort(numbers)
return { newest, horizon < math.huge and horizon, heard() }
