"""The jobs that schedules have made and that have not ended."""

from collections import defaultdict

from workmill.words.job import Job


class Made:
    """Ids of unfinished jobs, with their places in the order of storing, by the schedule that made them."""

    def __init__(self) -> None:
        self._unfinished: defaultdict[str, dict[str, int]] = defaultdict(dict)

    def enter(self, job: Job, place: int) -> None:
        """Note a job that has not ended, if a schedule made it."""
        if job.ties is not None and job.ties.schedule is not None and not job.state.is_final:
            self._unfinished[job.ties.schedule][job.id] = place

    def leave(self, job: Job) -> None:
        """Forget a job."""
        if job.ties is not None and job.ties.schedule is not None:
            unfinished = self._unfinished[job.ties.schedule]
            unfinished.pop(job.id, None)
            if not unfinished:
                del self._unfinished[job.ties.schedule]

    def by(self, schedule: str) -> tuple[str, ...]:
        """Return the unfinished jobs of a schedule, in the order of storing."""
        unfinished = self._unfinished.get(schedule, {})
        return tuple(sorted(unfinished, key=unfinished.__getitem__))
