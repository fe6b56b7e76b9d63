-- needs: meta leases
-- Prolong a live lease, and elect a leader.

local order, leads = leases.renew(ARGV[2])
return order and { order, leads }
