-- needs: meta
-- The right of workers to hold jobs: by the end of each lease, `leases` has all workers that are remembered, `holders`
-- those that may hold jobs. A lease is live before its end, never at or after it. See `roster`.

local leases = {}

-- Return when the lease of a worker ends, if it is live.
function leases.live(worker)
  local ends_at = tonumber(meta.call("ZSCORE", "leases", worker) or 0)
  return ends_at > meta.now and ends_at or nil
end
