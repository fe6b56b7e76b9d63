-- needs: meta
-- How a flow stands: names and values in turns, none where there is no such flow.

return meta.call("HGETALL", "flow:" .. cmsgpack.unpack(ARGV[2]))
