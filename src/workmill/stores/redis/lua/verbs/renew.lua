-- needs: meta roster
-- Prolong a live lease, and elect a leader.

meta.press_on()
local order, leads = roster.renew(ARGV[2])
return order and { order, leads }
