-- needs: meta rows
-- The jobs that are asked for by id.

return rows.of(cmsgpack.unpack(ARGV[2]))
