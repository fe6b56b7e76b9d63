-- needs: meta
-- Schedules by name.

return meta.fields("schedules", cmsgpack.unpack(ARGV[2]))
