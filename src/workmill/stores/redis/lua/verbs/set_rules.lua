-- needs: meta ruling
-- Set rules by hand.

ruling.put("rules:set", cmsgpack.unpack(ARGV[2]))
