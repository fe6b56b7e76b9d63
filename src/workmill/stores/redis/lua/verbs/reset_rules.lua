-- needs: meta ruling
-- Undo what was set by hand.

meta.press_on()
ruling.reset(cmsgpack.unpack(ARGV[2]))
