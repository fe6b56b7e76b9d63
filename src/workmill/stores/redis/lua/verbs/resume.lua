-- needs: meta ruling
-- Undo pauses.

ruling.resume(cmsgpack.unpack(ARGV[2]))
