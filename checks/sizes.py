"""Hold the sizes: how long a file and a function may be, how deep a function may nest, how a module may not be named.

Functions and files are what a reader takes in at one sitting, so the build fails when one outgrows it. A function's
length is its lines from `def` to its end without its docstring and blank lines: explaining costs nothing.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("src", "tests", "examples", "bench", "checks", "proof")

LONGEST_FILE = 400
LONGEST_STORE = 600  # src/workmill/stores/*/store.py: one class with all of the contract's verbs
LONGEST_FUNCTION = 50
LONG_FUNCTION = 25
DEEPEST_NESTING = 3
NAMES_THAT_SAY_NOTHING = {"base", "common", "helper", "helpers", "manager", "misc", "util", "utils"}

SCRIPTS = {".lua", ".sql"}
Function = ast.FunctionDef | ast.AsyncFunctionDef
BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is too big, and whether that fails the build."""

    path: Path
    line: int
    text: str
    fails: bool

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}: {'' if self.fails else 'warning: '}{self.text}"


def main() -> int:
    """Print every finding; answer 1 when one of them fails the build."""
    findings = [finding for path in python_files() for finding in measure(path)]
    findings += [
        finding for path in script_files() for finding in measure_length(path, path.read_text(encoding="utf-8"))
    ]
    for finding in sorted(findings, key=lambda each: each.fails):
        print(finding)
    failures = sum(finding.fails for finding in findings)
    print(f"sizes: {failures} too big, {len(findings) - failures} worth a look")
    return 1 if failures else 0


def python_files() -> Iterator[Path]:
    """Give every Python file of ours."""
    yield ROOT / "run"
    for folder in FOLDERS:
        yield from sorted(path for path in (ROOT / folder).rglob("*.py"))


def script_files() -> Iterator[Path]:
    """Give every file of SQL and of Lua of ours."""
    yield from sorted(path for path in (ROOT / "src").rglob("*") if path.suffix in SCRIPTS)


def measure(path: Path) -> Iterator[Finding]:
    """Find what is too big in one file."""
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines()
    yield from measure_length(path, source)
    if path.stem in NAMES_THAT_SAY_NOTHING:
        yield Finding(path=path, line=1, text=f"`{path.stem}` names no subject: say what is in it", fails=True)
    for node in ast.walk(ast.parse(source, str(path))):
        if isinstance(node, Function):
            yield from measure_function(path, node, lines)


def measure_length(path: Path, source: str) -> Iterator[Finding]:
    """Find whether a file is too long."""
    lines = len(source.splitlines())
    longest = LONGEST_STORE if is_store_of_a_room(path) else LONGEST_FILE
    if lines > longest:
        yield Finding(path=path, line=1, text=f"{lines} lines, at most {longest}: split it by subject", fails=True)


def is_store_of_a_room(path: Path) -> bool:
    """Say whether this is the one file of a room that may be long."""
    return path.name == "store.py" and path.parent.parent.name == "stores"


def measure_function(path: Path, function: Function, lines: list[str]) -> Iterator[Finding]:
    """Find what is too big about one function."""
    length = length_of(function, lines)
    if length > LONG_FUNCTION:
        text = f"{function.name} has {length} lines, {LONG_FUNCTION} are long, {LONGEST_FUNCTION} the most"
        yield Finding(path=path, line=function.lineno, text=text, fails=length > LONGEST_FUNCTION)
    depth = nesting_of(function.body)
    if depth > DEEPEST_NESTING:
        text = f"{function.name} nests {depth} blocks, at most {DEEPEST_NESTING}: return early, or name the inner one"
        yield Finding(path=path, line=function.lineno, text=text, fails=True)


def length_of(function: Function, lines: list[str]) -> int:
    """Count a function's lines, without its docstring and blank ones."""
    assert function.end_lineno is not None
    whole = range(function.lineno, function.end_lineno + 1)
    documented = range(0)
    if ast.get_docstring(function, clean=False) is not None:
        docstring = function.body[0]
        assert docstring.end_lineno is not None
        documented = range(docstring.lineno, docstring.end_lineno + 1)
    return sum(1 for number in whole if number not in documented and lines[number - 1].strip())


def nesting_of(statements: list[ast.stmt]) -> int:
    """Count how many blocks the deepest of these statements stands in.

    An `elif` is no deeper than its `if`, and a `case` no deeper than its `match`. A function or class inside is
    measured on its own.
    """
    return max((depth_of(statement) for statement in statements), default=0)


def depth_of(statement: ast.stmt) -> int:
    if not isinstance(statement, BLOCKS):
        return 0
    if isinstance(statement, ast.Match):
        return 1 + max(nesting_of(case.body) for case in statement.cases)
    orelse = statement.orelse if isinstance(statement, ast.If | ast.For | ast.AsyncFor | ast.While) else []
    inner = [nesting_of(statement.body)]
    if isinstance(statement, ast.Try | ast.TryStar):
        inner += [nesting_of(handler.body) for handler in statement.handlers]
        inner += [nesting_of(statement.orelse), nesting_of(statement.finalbody)]
    inner.append(nesting_of(orelse) - is_elif(statement, orelse))
    return 1 + max(inner)


def is_elif(statement: ast.stmt, orelse: list[ast.stmt]) -> bool:
    """Say whether this `else` is the next `elif`: an `if` which stands no further in."""
    return len(orelse) == 1 and isinstance(orelse[0], ast.If) and orelse[0].col_offset == statement.col_offset


if __name__ == "__main__":
    sys.exit(main())
