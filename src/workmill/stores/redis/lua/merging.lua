-- needs: meta
-- The members of several sorted sets as one line, those with the highest scores first, read no further than is asked for.

local merging = {}
local FIRST, LARGEST = 8, 256 -- members that are read at once from one set: at first, and in the end

-- Read the next members of a set; `score` is that of the next one then, nil where there is none.
local function refill(source)
  source.found = meta.call(
    "ZREVRANGEBYSCORE", source.key, source.below, source.from, "WITHSCORES", "LIMIT", 0, source.size
  )
  source.at, source.size = 1, math.min(source.size * 2, LARGEST)
  source.score = tonumber(source.found[2])
  if source.score then
    source.below = "(" .. source.found[#source.found]
  end
end

-- Let the set at one place of the heap sink below those whose next member comes first.
local function sink(heap, place)
  while true do
    local first, child = place, place * 2
    for other = child, math.min(child + 1, #heap) do
      if heap[other].score > heap[first].score then
        first = other
      end
    end
    if first == place then
      return
    end
    heap[place], heap[first] = heap[first], heap[place]
    place = first
  end
end

local function step(heap)
  local source = heap[1]
  source.at = source.at + 2
  if source.at > #source.found then
    refill(source)
  else
    source.score = tonumber(source.found[source.at + 1])
  end
  if not source.score then
    heap[1] = heap[#heap]
    heap[#heap] = nil
  end
  if #heap > 1 then
    sink(heap, 1)
  end
end

-- Return a function that gives one member after the other with its score, and nil in the end; of scores below `below`
-- and not under `from`, both as Redis takes them.
function merging.line(keys, below, from)
  local heap, is_begun = {}, false
  for _, key in ipairs(keys) do
    local source = { key = key, below = "(" .. below, from = from, size = FIRST }
    refill(source)
    if source.score then
      heap[#heap + 1] = source
    end
  end
  for place = math.floor(#heap / 2), 1, -1 do
    sink(heap, place)
  end
  return function()
    if is_begun then
      step(heap)
    end
    is_begun = #heap > 0
    if is_begun then
      return heap[1].found[heap[1].at], heap[1].score
    end
  end
end
