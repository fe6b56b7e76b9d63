-- needs: meta ledger channels storing ends
-- Store messages, and jobs with them, all or none.
--
-- ARGV[2]: the messages; ARGV[3]: the new jobs as `storing` takes them; then their docs. Answers what `channels` says.

local news = cmsgpack.unpack(ARGV[3])
local DOCS = 3 -- the last argument before them

storing.prepare(news)
for number, new in ipairs(news) do
  storing.store(new, ARGV[DOCS + number], nil, true)
end
ends.conclude()
ledger.write()
return channels.publish(cmsgpack.unpack(ARGV[2]))
