-- needs: meta roster
-- Give workers an order.

meta.press_on()
local told = {}
for place, worker in ipairs(cmsgpack.unpack(ARGV[3])) do
  told[place] = roster.order(worker, ARGV[2])
end
return told
