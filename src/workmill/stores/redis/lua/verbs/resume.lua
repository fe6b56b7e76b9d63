-- needs: meta ruling
-- Undo pauses.

meta.press_on()
ruling.resume(cmsgpack.unpack(ARGV[2]))
