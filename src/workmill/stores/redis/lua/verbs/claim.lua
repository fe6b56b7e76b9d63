-- needs: meta claiming
-- Take jobs under the worker's lease.

local request = cmsgpack.unpack(ARGV[2])
meta.press_on()
return claiming.claim(request) or meta.refuse("lease", request[1])
