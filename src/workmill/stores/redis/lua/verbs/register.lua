-- needs: meta leases
-- Give a worker its lease.

meta.press_on()
leases.register(ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]))
