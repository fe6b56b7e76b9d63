-- needs: meta
-- The durable subscriptions of one channel, or of all where none is named.

local channel = cmsgpack.unpack(ARGV[2])
local answer = {}
for _, name in ipairs(channel and { channel } or meta.call("SMEMBERS", "subscribed")) do
  for _, text in ipairs(meta.call("HVALS", "subscribers:" .. name)) do
    answer[#answer + 1] = text
  end
end
return answer
