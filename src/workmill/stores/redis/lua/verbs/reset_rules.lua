-- needs: meta ruling
-- Undo what was set by hand.

ruling.reset(cmsgpack.unpack(ARGV[2]))
