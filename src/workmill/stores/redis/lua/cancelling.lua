-- needs: meta ledger unstarted
-- How jobs end that nobody lets end by themselves: at once where they do not run, by request where they do.

local cancelling = {}

-- Cancel a job, or ask for it where it runs; say whether that changed it. What follows from its end is for the caller.
function cancelling.cancel(id, reason, is_forced)
  local job = ledger.get(id)
  if not job or ledger.FINAL[job[F.state]] then
    return false
  end
  if job[F.cancel_requested_at] then
    if is_forced and not job[F.cancel_forced] then
      ledger.change(id)[F.cancel_forced] = true
      return true
    end
    return false
  end
  job = job[F.state] == "running" and ledger.change(id) or ledger.finish(id, "cancelled")
  job[F.cancel_requested_at], job[F.cancel_reason], job[F.cancel_forced] = meta.now, reason, is_forced
  return true
end

-- End jobs that may not begin any more. What follows from that is for the caller.
function cancelling.expire(ids)
  ledger.load(ids)
  for _, id in ipairs(ids) do
    if ledger.get(id) then
      ledger.finish(id, "cancelled")[F.cancel_reason] = unstarted.EXPIRED
    end
  end
end
