"""What a server's refusals, and failures on the way to it, mean to the callers of a store."""

from collections.abc import Callable, Sequence

from redis import exceptions

from workmill.words.errors import (
    JobConflict,
    LeaseLost,
    ParentNotFound,
    QueueFull,
    ScheduleActive,
    ScheduleChanged,
    ScheduleNotFound,
    StoreError,
    StoreUnavailable,
    UniqueConflict,
    WorkmillError,
)

REFUSALS: dict[str, Callable[..., WorkmillError]] = {
    "unique": UniqueConflict,
    "parent": ParentNotFound,
    "full": lambda queue, waiting: QueueFull(queue, int(waiting)),
    "conflict": lambda job_id, task, key: JobConflict(
        job_id, f"has the key {key!r} of task {task!r} with other arguments"
    ),
    "lease": LeaseLost,
    "schedule_missing": ScheduleNotFound,
    "schedule_active": ScheduleActive,
    "schedule_changed": lambda name, version: ScheduleChanged(name, int(version) if version else None),
}
"""What scripts refuse by `meta.refuse`, with the fields that they name."""

REMEDIES = {
    "OOM": "; raise its maxmemory, or let finished jobs be kept for less time",
    "MISCONF": "; it cannot save to its disk, see its log",
    "NOREPLICAS": "; too few replicas are connected, see its min-replicas-to-write",
    "READONLY": "; it must be the primary, not a replica",
    "MASTERDOWN": "; it must be the primary, not a replica",
    "CLUSTERDOWN": "; a part of the cluster has no primary",
    "LOADING": "; it still reads its data, try again later",
    "BUSY": "; a script of somebody's keeps it busy, see SCRIPT KILL",
    "TRYAGAIN": "; its cluster moves the keys just now, try again later",
    "ASK": "; its cluster moves the keys just now, try again later",
    "MOVED": "; its cluster sends us about in a circle",
}
"""What will pass, or pass when somebody mends it, and what helps."""
DENIED = {"NOPERM", "NOAUTH", "WRONGPASS"}
DENIED_INSIDE = ("ACL failure in script", "The user executing the script can't")
"""How newer and older servers say that a script may not do something."""
WORDS: dict[str, type[Exception]] = {
    "NOSCRIPT": exceptions.NoScriptError,
    "READONLY": exceptions.ReadOnlyError,
    "MASTERDOWN": exceptions.MasterDownError,
    "CLUSTERDOWN": exceptions.ClusterDownError,
    "TRYAGAIN": exceptions.TryAgainError,
    "MOVED": exceptions.MovedError,
    "ASK": exceptions.AskError,
    "LOADING": exceptions.BusyLoadingError,
    "OOM": exceptions.OutOfMemoryError,
    "NOPERM": exceptions.NoPermissionError,
    "NOAUTH": exceptions.AuthenticationError,
}
"""The words that redis-py has made classes of; the first that fits counts."""


def refusal(kind: str, fields: Sequence[bytes | int]) -> WorkmillError:
    """Return the error that a script's refusal stands for."""
    return REFUSALS[kind](*(text.decode() if isinstance(text, bytes) else str(text) for text in fields))


def refused(reply: Exception, name: str) -> StoreError:
    """Return the error that a server's refusal stands for."""
    word = word_of(reply)
    if word in REMEDIES:
        return StoreUnavailable(f"{name}: the server says {word}: {reply}{REMEDIES[word]}")
    if word in DENIED:
        return StoreError(f"{name}: the server says {word}: {reply}; let this user do it, see ACL SETUSER")
    return StoreError(f"{name}: a script failed: {reply}")


def unavailable(error: Exception, name: str) -> StoreError:
    """Return the error that says why a server cannot be reached, or does not let us in."""
    if isinstance(error, exceptions.NoPermissionError):
        return refused(error, name)
    if isinstance(error, TimeoutError | exceptions.TimeoutError):
        return StoreUnavailable(f"{name}: nobody answers in time; look at the server or its network")
    return StoreUnavailable(f"{name}: {str(error) or type(error).__name__}")


def word_of(reply: Exception) -> str:
    """Return the word by which a server's refusal begins; an older server hides it in what a script says."""
    for word, kind in WORDS.items():
        if isinstance(reply, kind):
            return word
    text = str(reply)
    if any(said in text for said in DENIED_INSIDE):
        return "NOPERM"
    return next((word for word in (*REMEDIES, *DENIED) if f"-{word} " in text), text.partition(" ")[0])
