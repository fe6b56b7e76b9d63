-- needs: meta
-- The store's present moment.

return string.format("%.0f", meta.now)
