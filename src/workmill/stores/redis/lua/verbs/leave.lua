-- needs: meta leases
-- End a worker's lease now.

leases.leave(ARGV[2])
