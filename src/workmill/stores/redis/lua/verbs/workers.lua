-- needs: meta roster
-- The workers that live or ended within the last day.

return roster.all()
