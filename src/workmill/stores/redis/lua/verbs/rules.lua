-- needs: meta ruling
-- The rules in force.

return ruling.all()
