-- needs: meta
-- The rules in force: what holds for `queue:<name>`, `task:<name>`, `key:<name>`, and which queues are paused.

local rules = {}
local known = {}
local RUNNING, COUNT, PER = 1, 2, 3

-- Read the rules of several titles at once.
function rules.learn(titles)
  for place, text in ipairs(meta.fields("rules", titles)) do
    known[titles[place]] = text and rules.read(text)
  end
end

-- Read a rule: how many may run, how many may begin in what length of time; false for what it does not say.
function rules.read(text)
  local said = cmsgpack.unpack(text)
  return { running = said[RUNNING], count = said[COUNT], per = said[PER] }
end

-- Return the title of the rule that counts a subject: of a gate, the name.
function rules.title(subject)
  return string.match(subject, "^key:[^/]*") or subject
end

-- Return the rule that holds for a subject; false where none does.
function rules.get(subject)
  local title = rules.title(subject)
  if known[title] == nil then
    rules.learn({ title })
  end
  return known[title]
end
