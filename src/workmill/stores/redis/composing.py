"""The text of a verb's script, put together from the files in `lua/`. No script is ever built from values.

`lua/<name>.lua` is a module: it makes one local table of its name. `lua/verbs/<verb>.lua` is the body of a function
that returns the verb's answer. Either may begin with a line `-- needs: meta ledger (gates)`, which names the modules
that it uses.

    meta        returns from the whole script where the server is not the one that the caller knows
    modules     each in a function, behind those that it needs
    verb        called so that a refusal, which is an error until here, becomes an answer
    the end     notices are sent, changes are counted

A server makes each module anew for each call, at 0.15 us and more a function, which is more than most verbs have to do
otherwise. So a module that is named in parentheses wherever it is named is made when it is first used: `gates.put` in a
text that names it so is put in as `gates().put`. `F.name` stands for the place of a field in a job's record.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from importlib import resources

from workmill.stores.redis.rows import FIELDS

META = "meta"
NOTICES = "notices"
NEEDS = "-- needs:"
FIELD = re.compile(r"\bF\.([a-z_]+)\b")
END = """
local is_done, answer = pcall(verb)
if not is_done then
  if type(answer) == "table" then
    return answer.refusal or answer
  end
  return redis.error_reply(answer)
end
"""
TOLD = "notices.send()\n"
COUNTED = "return { meta.count(), answer or false, meta.is_written or nil }\n"


def composed(verb: str) -> str:
    """Return the text of a verb's script."""
    name = f"verbs/{verb}"
    modules = _in_order(name)
    if META not in modules:
        return _read(name)  # It does not ask whose data these are.
    made = {META, NOTICES, *_always(name)}
    parts = [_module(module, made) for module in modules]
    parts += [f"local function verb()\n{_body(name, made)}\nend\n", END]
    text = "".join([*parts, TOLD if NOTICES in modules else "", COUNTED])
    return FIELD.sub(lambda found: str(FIELDS.index(found[1]) + 1), text)


def _in_order(name: str) -> list[str]:
    """Return the modules that a file needs, each behind those that it needs itself."""
    found: dict[str, None] = {}
    for needed, _ in _needs(_read(name)):
        found.update(dict.fromkeys([*_in_order(needed), needed]))
    return list(found)


def _always(name: str) -> Iterator[str]:
    """Yield the modules that are used whenever a file is, some more than once."""
    for needed, is_always in _needs(_read(name)):
        if is_always:
            yield needed
            yield from _always(needed)


def _needs(text: str) -> list[tuple[str, bool]]:
    """Return the modules that a text says it needs, and of each whether always."""
    first = text.partition("\n")[0]
    if not first.startswith(NEEDS):
        return []
    always, _, at_times = first.removeprefix(NEEDS).rstrip(")").partition("(")
    return [(name, True) for name in always.split()] + [(name, False) for name in at_times.split()]


def _module(name: str, made: set[str]) -> str:
    if name == META:
        return _read(name)
    # In a function, as a chunk of Lua may have 200 locals: what a module keeps to itself counts in there alone.
    make = f"(function()\n{_body(name, made)}\nreturn {name}\nend)()\n"
    if name in made:
        return f"local {name} = {make}"
    return f"local {name}_made\nlocal function {name}()\n{name}_made = {name}_made or {make}return {name}_made\nend\n"


def _body(name: str, made: set[str]) -> str:
    """Return a file's text, in which modules that are made when they are first used are called for."""
    text = _read(name)
    late = "|".join(needed for needed, _ in _needs(text) if needed not in made)
    return re.sub(rf"(?<![\w.])({late})\.(?=\w)", r"\1().", text) if late else text


@lru_cache
def _read(name: str) -> str:
    return (resources.files(__package__) / "lua" / f"{name}.lua").read_text()
