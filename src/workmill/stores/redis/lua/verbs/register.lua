-- needs: meta leases
-- Give a worker its lease.

leases.register(ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]))
