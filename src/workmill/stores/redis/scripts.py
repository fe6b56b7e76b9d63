"""The Lua of this room, read once from the files beside it. No script is ever built from values.

`lua/<name>.lua` is a module: it makes one local table of its name. `lua/verbs/<verb>.lua` is the body of a function
that returns the verb's answer. Either may begin with a line `-- needs: meta ledger`, which names the modules it uses.

    meta        returns from the whole script where the server is not the one that the caller knows
    modules     each in a function, behind those that it needs
    verb        called so that a refusal, which is an error until here, becomes an answer
    the end     notices are sent, changes are counted

`F.name` stands for the place of a field in a job's record and is put in here, so that no script looks it up.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from workmill.stores.redis.rows import FIELDS
from workmill.stores.redis.wire import Reply

META = "meta"
NOTICES = "notices"
NEEDS = "-- needs:"
FIELD = re.compile(r"\bF\.([a-z_]+)\b")
END = """
local is_done, answer = pcall(verb)
if not is_done then
  if type(answer) == "table" and answer.refusal then
    return answer.refusal
  end
  error(answer)
end
"""
TOLD = "notices.send()\n"
COUNTED = "return { meta.count(), answer or false, meta.is_written or nil }\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What the server runs for one verb, and the name that it knows it by."""

    verb: str
    text: bytes
    sha: bytes


@lru_cache
def script(verb: str) -> Script:
    """Return the script of a verb with the modules that it needs before it."""
    text = FIELD.sub(lambda found: str(FIELDS.index(found[1]) + 1), _composed(f"verbs/{verb}")).encode()
    return Script(verb=verb, text=text, sha=hashlib.sha1(text, usedforsecurity=False).hexdigest().encode())


def is_change(reply: Reply) -> bool:
    """Whether a script's reply says that it has changed something."""
    match reply:
        case [int(changes), _, 1]:
            return changes >= 0
    return False


def _composed(verb: str) -> str:
    modules = _in_order(verb)
    if META not in modules:
        return _read(verb)  # It does not ask whose data these are.
    parts = [_module(name) for name in modules]
    parts += [f"local function verb()\n{_read(verb)}\nend\n", END]
    return "".join([*parts, TOLD if NOTICES in modules else "", COUNTED])


def _in_order(name: str) -> list[str]:
    """Return the modules that a file needs, each behind those that it needs itself."""
    found: dict[str, None] = {}
    for needed in _needs(_read(name)):
        found.update(dict.fromkeys([*_in_order(needed), needed]))
    return list(found)


def _needs(text: str) -> list[str]:
    first = text.partition("\n")[0]
    return first.removeprefix(NEEDS).split() if first.startswith(NEEDS) else []


def _module(name: str) -> str:
    if name == META:
        return _read(name)
    # In a function, as a chunk of Lua may have 200 locals: what a module keeps to itself counts in there alone.
    return f"local {name} = (function()\n{_read(name)}\nreturn {name}\nend)()\n"


@lru_cache
def _read(name: str) -> str:
    return (resources.files(__package__) / "lua" / f"{name}.lua").read_text()
