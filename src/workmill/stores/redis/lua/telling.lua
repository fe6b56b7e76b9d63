-- needs: meta notices streets
-- Who is told that jobs may begin which a rule held back.

local telling = {}

-- Return the streets on which jobs stand that rules may count as a subject.
local function around(subject)
  local gate = string.match(subject, "^key:(.*)$")
  return gate and meta.call("HKEYS", "before:" .. gate) or meta.call("SMEMBERS", "streets")
end

-- Tell of the queues on which jobs stand that rules count as a subject: `queue:<name>`, `task:<name>`, `key:<gate>`.
function telling.of(subject)
  local scope, name = string.match(subject, "^(%a+):(.*)$")
  for _, street in ipairs(around(subject)) do
    local queue, task = streets.split(street)
    if scope == "key" or name == (scope == "queue" and queue or task) then
      notices.queue(queue)
    end
  end
end
