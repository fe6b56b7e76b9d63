"""Keep out of the repository what belongs to one machine: hosts of package registries, and paths of somebody's home.

A lock or a page that names a registry's host works only where that host is reachable; a path of one machine works
nowhere else at all.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOT_OURS = {".git", ".venv", ".cache", ".hypothesis", "__pycache__", "build", "dist", "results"}
CACHES = re.compile(r"\.\w+_cache|.*\.egg-info")

TRACES = {
    "a package registry's host": re.compile(r"https?://[a-z.-]*(?:pypi|npmjs|pythonhosted|debian)\.", re.IGNORECASE),
    "a path of one machine": re.compile(r"(?<![\w.<}])/(?:home|Users|root|work)/\w"),
}


def main() -> int:
    """Print every trace found; answer 1 when there is one."""
    findings = [f"{path.relative_to(ROOT)}:{trace}" for path in files(ROOT) for trace in traces_in(text_of(path))]
    print(*findings, f"traces: {len(findings)} found", sep="\n")
    return 1 if findings else 0


def files(folder: Path) -> Iterator[Path]:
    """Walk what is ours, without git, which a bare system lacks."""
    for path in sorted(folder.iterdir()):
        if path.name in NOT_OURS or CACHES.fullmatch(path.name):
            continue
        if path.is_dir():
            yield from files(path)
        elif path.is_file():
            yield path


def text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def traces_in(text: str) -> Iterator[str]:
    """Find the traces in a text, each with its line."""
    for number, line in enumerate(text.splitlines(), start=1):
        for meaning, pattern in TRACES.items():
            if pattern.search(line):
                yield f"{number}: {meaning}: {line.strip()[:100]}"


if __name__ == "__main__":
    sys.exit(main())
