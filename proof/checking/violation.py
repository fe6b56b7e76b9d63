"""What a checker found to be untrue."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One broken invariant of one job, or of the whole where `job` is empty."""

    invariant: str
    job: str
    text: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.text}{f' (job {self.job})' if self.job else ''}"
