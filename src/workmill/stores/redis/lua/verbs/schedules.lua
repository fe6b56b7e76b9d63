-- needs: meta
-- The names of some schedules behind another name, or from the first on, and the schedules.

local behind, limit = ARGV[2], ARGV[3]
local names = meta.call("ZRANGEBYLEX", "schedule:names", behind == "" and "-" or "(" .. behind, "+", "LIMIT", 0, limit)
return { names, meta.fields("schedules", names) }
