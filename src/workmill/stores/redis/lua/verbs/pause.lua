-- needs: meta ruling
-- Let no job on these queues begin from now on.

local queues, by = unpack(cmsgpack.unpack(ARGV[2]))
meta.press_on()
ruling.pause(queues, by)
