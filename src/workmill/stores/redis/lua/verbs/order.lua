-- needs: meta leases
-- Give workers an order.

meta.press_on()
local told = {}
for place, worker in ipairs(cmsgpack.unpack(ARGV[3])) do
  told[place] = leases.order(worker, ARGV[2])
end
return told
