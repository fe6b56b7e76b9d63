-- needs: meta roster
-- End a worker's lease now.

meta.press_on()
roster.leave(ARGV[2])
