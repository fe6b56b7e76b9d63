-- needs:
-- How jobs end that never begin, in words: the very words of every store, see workmill.words.unstarted.

local unstarted = { EXPIRED = "it was not started in time", NOT_NEEDED = "no job that it follows failed" }

-- Return the failure, as it is stored, of a job that follows one that failed.
function unstarted.parent_failed(parent)
  local message = cjson.encode("job " .. parent .. ", which it follows, failed")
  return '{"kind":"dependency","type":"ParentFailed","message":' .. message .. ',"traceback":""}'
end

-- Return the reason of a job that follows one that was cancelled.
function unstarted.parent_cancelled(parent)
  return "job " .. parent .. ", which it follows, was cancelled"
end

-- Return the reason of a job whose place another has taken.
function unstarted.replaced_by(id)
  return "job " .. id .. " takes its place"
end
