"""Where running jobs lie, so that their ends need not be looked up by their ids."""

from collections.abc import Iterable

MOST = 20_000


class Places:
    """The `seq` of each job that this store has claimed and not settled yet, as far as it remembers."""

    def __init__(self) -> None:
        self._seqs: dict[str, int] = {}

    def note(self, places: Iterable[tuple[str, int]]) -> None:
        """Remember jobs, the newest only where there are too many: the others are found by their ids."""
        if len(self._seqs) > MOST:
            self._seqs = {}
        self._seqs.update(places)

    def of(self, job_ids: Iterable[str]) -> list[int | None]:
        """Return where jobs lie."""
        return [self._seqs.get(job_id) for job_id in job_ids]

    def forget(self, job_ids: Iterable[str]) -> None:
        """Forget jobs that have been settled."""
        for job_id in job_ids:
            self._seqs.pop(job_id, None)
