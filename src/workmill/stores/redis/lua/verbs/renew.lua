-- needs: meta leases
-- Prolong a live lease, and elect a leader.

meta.press_on()
local order, leads = leases.renew(ARGV[2])
return order and { order, leads }
