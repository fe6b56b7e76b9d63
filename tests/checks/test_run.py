"""`run` from outside, in a checkout of its own, with a `uv` that only notes what it is asked for."""

import ast
import importlib.machinery
import importlib.util
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted(path.stem for path in (ROOT / "requirements").glob("*.lock"))
NOTING_UV = """#!/bin/sh
echo "$@" >> "$NOTES"
exit "${UV_EXIT:-0}"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    folder: Path
    programs: Path

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "run", *arguments],
            cwd=self.folder,
            env={"PATH": str(self.programs), "NOTES": str(self.folder / "notes"), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str, **environment: str) -> tuple[int, str]:
        process = self.start(*arguments, **environment)
        said, _ = process.communicate(timeout=60)
        return process.returncode, said

    def take_notes(self) -> list[str]:
        """Give what was installed since the last time, one name each."""
        notes = self.folder / "notes"
        lines = notes.read_text().splitlines() if notes.exists() else []
        notes.unlink(missing_ok=True)
        return ["workmill" if "--editable" in line else Path(line.rpartition("=")[2]).stem for line in lines]

    @property
    def state(self) -> dict[str, str]:
        state: dict[str, str] = json.loads((self.folder / ".venv" / "setup.json").read_text())
        return state


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    folder, programs = tmp_path / "checkout", tmp_path / "bin"
    programs.mkdir()
    (programs / "uv").write_text(NOTING_UV)
    (programs / "uv").chmod(0o755)
    folder.mkdir()
    for name in ("run", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "requirements", folder / "requirements")
    return Checkout(folder=folder, programs=programs)


@pytest.fixture
def module() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("run", str(ROOT / "run"))
    spec = importlib.util.spec_from_loader("run", loader)
    assert spec is not None
    loaded = importlib.util.module_from_spec(spec)
    loader.exec_module(loaded)
    return loaded


def test_old_python_can_parse_run() -> None:
    ast.parse((ROOT / "run").read_text(), feature_version=(3, 7))


def test_unknown_command_ends_with_one_line_and_what_to_do(checkout: Checkout) -> None:
    code, said = checkout.run("tset")

    assert code == 1
    assert said == "run: there is no command 'tset': `./run` lists what there is\n"


def test_set_up_installs_builders_first_and_only_once(checkout: Checkout) -> None:
    first = checkout.run("setup")[0], checkout.take_notes()
    second = checkout.run("setup")[0], checkout.take_notes()

    assert first == (0, ["build", "core", "assets", "examples", "test", "check", "bench", "browser", "workmill"])
    assert second == (0, [])


def test_changed_lock_is_installed_into_the_same_venv(checkout: Checkout) -> None:
    checkout.run("setup")
    checkout.take_notes()
    (checkout.folder / ".venv" / "kept").touch()
    with (checkout.folder / "requirements" / "test.lock").open("a") as lock:
        lock.write("# changed\n")

    code, _ = checkout.run("setup")

    assert (code, checkout.take_notes()) == (0, ["test"])
    assert (checkout.folder / ".venv" / "kept").exists()


def test_failed_set_up_is_done_again_from_nothing(checkout: Checkout) -> None:
    code, said = checkout.run("setup", UV_EXIT="2")
    left = checkout.state
    checkout.take_notes()
    (checkout.folder / ".venv" / "left-over").touch()
    again, _ = checkout.run("setup")

    assert code == 1
    assert "run: this failed, see above: " in said
    assert left["unfinished"] == "yes"
    assert again == 0
    assert checkout.take_notes()[0] == "build"
    assert not (checkout.folder / ".venv" / "left-over").exists()


def test_moved_checkout_is_set_up_anew(checkout: Checkout) -> None:
    checkout.run("setup")
    checkout.take_notes()
    moved = Checkout(folder=checkout.folder.rename(checkout.folder.with_name("moved")), programs=checkout.programs)

    code, _ = moved.run("setup")

    assert (code, len(moved.take_notes())) == (0, 9)


def test_set_ups_side_by_side_install_once(checkout: Checkout) -> None:
    processes = [checkout.start("setup") for _ in range(4)]
    for process in processes:
        process.communicate(timeout=60)

    assert [process.returncode for process in processes] == [0, 0, 0, 0]
    assert len(checkout.take_notes()) == 9


def test_neither_uv_nor_pip_is_said_in_one_line(checkout: Checkout) -> None:
    (checkout.programs / "uv").unlink()

    code, said = checkout.run("setup")

    assert code == 1
    assert said.endswith("has no pip and there is no uv: install one, as in `apt install python3-pip`\n")
    assert said.count("\n") == 1


def test_stockfish_other_than_the_pinned_one_is_not_used(module: ModuleType, tmp_path: Path) -> None:
    package = tmp_path / "stockfish.tgz"
    package.write_bytes(b"something else")

    with pytest.raises(module.Stop, match="not the one that was pinned"):
        module.unpack_stockfish(package, tmp_path / "unpacked")

    assert not (tmp_path / "unpacked").exists()


def test_every_lock_of_run_is_there(module: ModuleType) -> None:
    assert sorted(module.GROUPS) == LOCKS


@pytest.mark.parametrize("name", LOCKS)
def test_lock_holds_hashes_and_no_address(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.lock").read_text()

    entries = text.replace("\\\n", "").splitlines()

    assert all("==" in entry and " --hash=sha256:" in entry for entry in entries)
    assert "://" not in text


def test_locks_agree_about_every_version() -> None:
    versions: dict[str, set[frozenset[str]]] = {}
    for name in LOCKS:
        for package, pinned in pinned_versions(name).items():
            versions.setdefault(package, set()).add(frozenset(pinned))

    assert [package for package, sets in versions.items() if len(sets) > 1] == []


def pinned_versions(name: str) -> dict[str, list[str]]:
    """Give what a lock pins; more versions than one where each is for other Pythons."""
    pinned: dict[str, list[str]] = {}
    for line in (ROOT / "requirements" / f"{name}.lock").read_text().splitlines():
        if "==" in line:
            package, _, version = line.split()[0].partition("==")
            pinned.setdefault(package, []).append(version)
    return pinned
