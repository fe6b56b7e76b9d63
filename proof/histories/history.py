"""A whole history, read from the files of all processes and put in order."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from proof.histories.entry import Entry, Op, read_line


class History:
    """Entries in the order of time, by what they speak of and by job."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = sorted(entries, key=lambda entry: entry.at)
        self._by_op: defaultdict[Op, list[Entry]] = defaultdict(list)
        self._by_job: defaultdict[tuple[Op, str], list[Entry]] = defaultdict(list)
        for entry in self.entries:
            self._by_op[entry.op].append(entry)
            self._by_job[entry.op, entry.job].append(entry)

    def of(self, op: Op, job: str | None = None) -> list[Entry]:
        """Return the entries of a kind, oldest first, of one job where it is named."""
        return self._by_op[op] if job is None else self._by_job.get((op, job), [])


def read_history(folder: Path) -> History:
    """Read all files of a history. The last line of each may be torn by a kill; any other must be whole.

    Raises:
        ValueError: A line in the middle is no entry.
    """
    entries: list[Entry] = []
    for path in sorted(folder.glob("*.jsonl")):
        *lines, _torn = path.read_bytes().split(b"\n")
        entries += [read_line(line) for line in lines]
    return History(entries)
