-- needs: meta
-- What listeners are told of, gathered while a script works and sent at its end, once for each kind.

local notices = {}
local MOST_IDS = 1000 -- a notice about more jobs than these stands for any
local gathered, is_timed = {}, false -- by the kind: the names in their order, and each name once

local function gather(kind, name)
  local names = gathered[kind]
  if not names then
    names = { seen = {} }
    gathered[kind] = names
  end
  if not names.seen[name] then
    names.seen[name] = true
    names[#names + 1] = name
  end
end

-- A job on a queue can be claimed.
function notices.queue(name)
  gather("q", name)
end

-- Jobs on any queue may be claimed.
function notices.any_queue()
  gather("q", "")
end

-- The cancel of a running job was requested.
function notices.cancel(id)
  gather("x", id)
end

-- A job changed.
function notices.change(id)
  gather("c", id)
end

-- A message was published on a channel.
function notices.message(channel)
  gather("p", channel)
end

-- Something has a time to wait for, or another one than before.
function notices.time()
  is_timed = true
end

-- Send what was gathered.
function notices.send()
  for kind, names in pairs(gathered) do
    names.seen = nil
    redis.call("PUBLISH", meta.prefix .. kind, cmsgpack.pack(#names > MOST_IDS and {} or names))
  end
  if is_timed then
    redis.call("PUBLISH", meta.prefix .. "s", "")
  end
end
