from pathlib import Path

import pytest

from checks.sizes import measure, measure_length, script_files


def findings(path: Path, source: str) -> list[tuple[str, bool]]:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
    return [(finding.text, finding.fails) for finding in measure(path)]


def function_of(lines: int) -> str:
    return "def long():\n" + "    x = 1\n" * (lines - 1)


@pytest.mark.parametrize(("lines", "expected"), [(25, []), (26, [False]), (50, [False]), (51, [True])])
def test_long_function_is_warned_of_and_longer_one_fails(tmp_path: Path, lines: int, expected: list[bool]) -> None:
    found = findings(tmp_path / "some.py", function_of(lines))

    assert [fails for _, fails in found] == expected


def test_docstring_and_blank_lines_do_not_make_a_function_long(tmp_path: Path) -> None:
    docstring = '    """Say much.\n' + "\n    word" * 60 + '\n    """\n'

    found = findings(tmp_path / "some.py", "def told():\n" + docstring + "\n" * 60 + "    return 1\n")

    assert found == []


@pytest.mark.parametrize(
    ("path", "lines", "fails"),
    [
        ("some.py", 400, False),
        ("some.py", 401, True),
        ("stores/sqlite/store.py", 600, False),
        ("stores/sqlite/store.py", 601, True),
        ("sqlite/store.py", 401, True),
    ],
)
def test_file_has_a_longest_length(tmp_path: Path, path: str, lines: int, fails: bool) -> None:  # noqa: FBT001
    found = findings(tmp_path / path, "x = 1\n" * lines)

    assert bool(found) == fails


@pytest.mark.parametrize("name", ["some.sql", "some.lua"])
@pytest.mark.parametrize(("lines", "fails"), [(400, False), (401, True)])
def test_file_of_sql_or_lua_has_a_longest_length(tmp_path: Path, name: str, lines: int, fails: bool) -> None:  # noqa: FBT001
    assert bool(list(measure_length(tmp_path / name, "SELECT 1;\n" * lines))) == fails


def test_migrations_are_looked_at() -> None:
    assert "0001.sql" in {path.name for path in script_files()}


@pytest.mark.parametrize(
    "lines",
    [
        ["for a in b:", "if a:", "with c:", "if d:"],
        ["async for a in b:", "while a:", "async with c:", "if d:"],
        ["match a:", "case 1:", "for b in c:", "if b:", "if d:"],
        ["if a: pass", "elif b:", "if c:", "if d:", "if e:"],
        ["if a: pass", "else:", "if c:", "if d:", "if e:"],
        ["try: pass", "except E:", "if c:", "if d:", "if e:"],
        ["try: pass", "finally:", "if c:", "if d:", "if e:"],
        ["for a in b: pass", "else:", "if c:", "if d:", "if e:"],
    ],
)
def test_fourth_block_inside_one_another_fails(tmp_path: Path, lines: list[str]) -> None:
    [(text, fails)] = findings(tmp_path / "some.py", nested(lines))

    assert fails
    assert "f nests 4 blocks" in text


@pytest.mark.parametrize(
    "lines",
    [
        ["for a in b:", "if a:", "with c:"],
        ["if a: pass", "elif b: pass", "elif c: pass", "elif d: pass", "else:"],
        ["match a:", "case 1:", "if b:", "if c:"],
        ["if a:", "if b:", "def g():", "if c:"],
    ],
)
def test_three_blocks_and_long_chains_and_inner_functions_pass(tmp_path: Path, lines: list[str]) -> None:
    assert findings(tmp_path / "some.py", nested(lines)) == []


def nested(lines: list[str]) -> str:
    """Put each line into the block that the one before opens; a line that opens none is followed by the next."""
    source, depth = "async def f():\n", 1
    for line in [*lines, "pass"]:
        source += "    " * depth + line + "\n"
        depth += line.endswith(":")
    return source


def test_file_named_for_no_subject_fails(tmp_path: Path) -> None:
    [(text, fails)] = findings(tmp_path / "utils.py", "")

    assert fails
    assert "`utils` names no subject" in text
