"""The wheel: what an installation gets of this checkout."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = "from setuptools.build_meta import build_wheel; build_wheel('dist')"
BROWSER_FILES = ("LICENSE", "htmx-4.min.js", "hx-sse-4.min.js")


@pytest.mark.slow
def test_wheel_holds_every_file_of_the_package(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "src" / "workmill", tmp_path / "src" / "workmill", ignore=shutil.ignore_patterns("*.pyc"))
    (tmp_path / "dist").mkdir()

    built = subprocess.run([sys.executable, "-c", BUILD], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert built.returncode == 0, built.stderr
    [wheel] = (tmp_path / "dist").glob("*.whl")
    source = tmp_path / "src"
    expected = {str(path.relative_to(source)) for path in (source / "workmill").rglob("*") if path.is_file()}
    expected |= {f"workmill/dashboard/static/vendor/{name}" for name in BROWSER_FILES}
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == expected
