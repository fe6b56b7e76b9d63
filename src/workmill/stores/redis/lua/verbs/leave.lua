-- needs: meta leases
-- End a worker's lease now.

meta.press_on()
leases.leave(ARGV[2])
