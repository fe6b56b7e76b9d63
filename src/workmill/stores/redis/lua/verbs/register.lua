-- needs: meta roster
-- Give a worker its lease.

meta.press_on()
roster.register(ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]))
