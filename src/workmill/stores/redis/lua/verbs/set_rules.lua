-- needs: meta ruling
-- Set rules by hand.

meta.press_on()
ruling.put("rules:set", cmsgpack.unpack(ARGV[2]))
