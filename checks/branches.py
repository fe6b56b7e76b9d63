"""Hold the coverage of the ground floors: every line and every branch of the words and the contract is tested.

What everything else stands on is pure and quick to test, so nothing there is left to be found out later.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ("src/workmill/words/*", "src/workmill/store/*")
TESTS = ("tests/words", "tests/store")


def main() -> int:
    """Run these floors' own tests under coverage; answer 1 when one fails or anything is left out."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["COVERAGE_FILE"] = str(Path(folder, "coverage"))
        if not coverage("run", "-m", "pytest", "--quiet", "--no-header", "-p", "no:cacheprovider", *TESTS):
            return 1
        return 0 if coverage("report", f"--include={','.join(FLOORS)}", "--fail-under=100") else 1


def coverage(*arguments: str) -> bool:
    return subprocess.run([sys.executable, "-m", "coverage", *arguments], cwd=ROOT, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
