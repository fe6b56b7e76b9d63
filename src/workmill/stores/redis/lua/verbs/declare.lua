-- needs: meta ledger ruling planning subscribing
-- Note what code says of rules, schedules and subscriptions.

local said = cmsgpack.unpack(ARGV[2])
meta.press_on()
ruling.put("rules:declared", said[1])
planning.declare(said[2])
subscribing.declare(said[3])
ledger.write()
