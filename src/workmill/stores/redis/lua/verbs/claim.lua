-- needs: meta claiming
-- Take jobs under the worker's lease.

local request = cmsgpack.unpack(ARGV[2])
return claiming.claim(request) or meta.refuse("lease", request[1])
