-- needs: meta leases
-- The workers that live or ended within the last day.

return leases.all()
