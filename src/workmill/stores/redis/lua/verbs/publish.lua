-- needs: meta ledger channels storing following
-- Store messages, and jobs with them, all or none.
--
-- ARGV[2]: the messages, and the new jobs as `storing` takes them; then their docs. Answers what `channels` says.

local asked = cmsgpack.unpack(ARGV[2]) -- messages jobs
local DOCS = 2 -- the last argument before them

storing.prepare(asked.jobs)
for number, new in ipairs(asked.jobs) do
  storing.store(new, ARGV[DOCS + number], nil, true)
end
following.conclude()
ledger.write()
return channels.publish(asked.messages)
