-- needs: meta
-- The attempts of a job that have ended, one record after the other, and its head: that tells of the one that succeeded.

local id = cmsgpack.unpack(ARGV[2])
return { meta.call("HGET", "attempts", id), meta.call("HGET", "jobs", id) }
