-- needs: meta
-- Durable subscriptions: `subscribers:<channel>` holds them by task, `subscribed` the channels that have any.

local subscribing = {}

-- Note what code says of subscriptions: channel, task, and what scripts do not read. It is written at once.
function subscribing.declare(news)
  for _, new in ipairs(news) do
    meta.call("HSET", "subscribers:" .. new.channel, new.task, new.text)
    meta.call("SADD", "subscribed", new.channel)
    meta.is_written = true
  end
end

-- Forget subscriptions of one channel.
function subscribing.forget(channel, tasks)
  meta.is_written = true
  meta.call_many("HDEL", "subscribers:" .. channel, tasks)
  if meta.call("EXISTS", "subscribers:" .. channel) == 0 then
    meta.call("SREM", "subscribed", channel)
  end
end
