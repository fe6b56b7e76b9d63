"""What a look at the sources finds, and who is told."""

import asyncio
import os
import threading
from pathlib import Path

import pytest

from workmill.running import sources
from workmill.running.sources import sources_watched, stamps_of, what_changed


def made(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("x = 1\n")


def test_python_files_are_looked_at_in_all_folders(tmp_path: Path) -> None:
    made(tmp_path, "main.py", "shop/__init__.py", "shop/deep/tasks.py")

    assert set(stamps_of(tmp_path)) == {
        str(tmp_path / each) for each in ("main.py", "shop/__init__.py", "shop/deep/tasks.py")
    }


@pytest.mark.parametrize(
    "path",
    ["data.json", ".git/hook.py", "__pycache__/main.py", "node_modules/x/x.py", "lib/site-packages/x.py", "env/x.py"],
)
def test_what_is_no_source_is_passed_over(tmp_path: Path, path: str) -> None:
    made(tmp_path, "env/pyvenv.cfg", path)

    assert stamps_of(tmp_path) == {}


def test_a_link_that_leads_in_a_circle_is_not_followed(tmp_path: Path) -> None:
    made(tmp_path, "shop/tasks.py")
    (tmp_path / "shop" / "again").symlink_to(tmp_path)

    assert set(stamps_of(tmp_path)) == {str(tmp_path / "shop" / "tasks.py")}


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert stamps_of(tmp_path / "nowhere") == {}


def test_what_is_new_gone_or_other_is_a_change(tmp_path: Path) -> None:
    made(tmp_path, "a.py", "b.py")
    before = stamps_of(tmp_path)
    assert what_changed(before, stamps_of(tmp_path), tmp_path) is None

    os.utime(tmp_path / "b.py", ns=(1, 1))
    assert what_changed(before, stamps_of(tmp_path), tmp_path) == "b.py changed"

    (tmp_path / "a.py").unlink()
    assert what_changed(before, stamps_of(tmp_path), tmp_path) == "a.py and 1 more file changed"

    made(tmp_path, "c.py")
    assert what_changed(before, stamps_of(tmp_path), tmp_path) == "a.py and 2 more files changed"


@pytest.mark.slow
async def test_a_change_is_told_on_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path, "a.py")
    told: asyncio.Queue[str] = asyncio.Queue()
    has_looked = threading.Event()
    look = sources.stamps_of

    def noted(folder: Path) -> sources.Stamps:
        stamps = look(folder)
        has_looked.set()
        return stamps

    monkeypatch.setattr(sources, "stamps_of", noted)
    with sources_watched(tmp_path, told.put_nowait):
        assert await asyncio.to_thread(has_looked.wait, 30)
        os.utime(tmp_path / "a.py", ns=(1, 1))

        async with asyncio.timeout(30):
            assert await told.get() == "a.py changed"


async def test_without_a_folder_nothing_is_watched() -> None:
    with sources_watched(None, pytest.fail):
        pass
