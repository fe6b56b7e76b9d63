"""What an action says on the page after it: a word in the address stands for a sentence, and no other text is shown."""

from dataclasses import dataclass

from starlette.requests import Request

_SENTENCES = {
    "cancelled": "The job was cancelled.",
    "cancel-asked": "The job was asked to end; its worker does that now.",
    "retried": "This is the new job: the old one stays as it is.",
    "enqueued": "The job is stored.",
    "known": "There was such a job already: this is it.",
    "paused": "The queue is paused: no job on it begins. What runs goes on.",
    "resumed": "The queue goes on.",
    "limited": "The limit holds from now on.",
    "limit-reset": "What was set by hand holds no more.",
    "started": "The schedule goes on.",
    "was-started": "The schedule was going on already.",
    "stopped": "The schedule is stopped, and what it had not begun is cancelled.",
    "triggered": "The schedule has made this job.",
    "busy": "No job was made: the one before has not ended, and this schedule runs one at a time.",
    "edited": "The schedule was changed.",
    "created": "The schedule is stored.",
    "deleted": "The schedule is gone; its jobs stay as long as they are kept.",
    "flow-cancelled": "What had not ended is cancelled; what runs was asked to end.",
    "flow-retried": "This is the new flow: what had succeeded is not run again.",
}
_COUNTED = {
    "jobs-cancelled": "{done} cancelled, or asked to end.",
    "jobs-retried": "{done} stored, each for one that had ended.",
    "purged": "{done} cancelled that had not begun.",
}
_BAD = {"busy", "was-started"}
LONGEST_COUNT = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One sentence, and whether it is good news."""

    text: str
    is_good: bool


def said(request: Request) -> Said | None:
    """Return what the action before this page has to say; None where there was none."""
    word = request.query_params.get("said", "")
    if word in _SENTENCES:
        return Said(text=_SENTENCES[word], is_good=word not in _BAD)
    if word not in _COUNTED:
        return None
    done, refused = (_count(request.query_params.get(name, "")) for name in ("done", "refused"))
    text = _COUNTED[word].format(done=_jobs(done))
    rest = f" Not so {_jobs(refused).lower()}: changed meanwhile, or a rule stands against it." if refused else ""
    return Said(text=text + rest, is_good=not refused)


def _count(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= LONGEST_COUNT else 0


def _jobs(count: int) -> str:
    return "1 job was" if count == 1 else f"{count:,} jobs were"
