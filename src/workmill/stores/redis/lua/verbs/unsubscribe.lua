-- needs: meta subscribing
-- Forget durable subscriptions of one channel.

local asked = cmsgpack.unpack(ARGV[2]) -- channel tasks
subscribing.forget(asked.channel, asked.tasks)
