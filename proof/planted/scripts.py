"""Bugs planted in the scripts of the room on Redis: each is what a careless script would do."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from unittest.mock import patch

from workmill.stores.redis import composing, scripts

# ruff: noqa: SLF001 - a planted bug reaches into the room it spoils


def settle_without_token() -> AbstractContextManager[object]:
    """Settle whoever says so, as long as the job runs."""
    return _written("verbs/settle", " or job[F.token] ~= one[TOKEN] then", " then")


def report_without_token() -> AbstractContextManager[object]:
    """Store the progress of whoever says so."""
    return _written("verbs/report", " and job[F.token] == one[TOKEN]", "")


def final_overwritten() -> AbstractContextManager[object]:
    """Settle a job that is final already."""
    return _written("verbs/settle", 'job[F.state] ~= "running" or ', "")


def cancel_forgotten() -> AbstractContextManager[object]:
    """Run a job again whose cancel was requested."""
    return _written("verbs/settle", "elseif job[F.cancel_requested_at]", "elseif false")


def claim_without_lease() -> AbstractContextManager[object]:
    """Give jobs to whoever asks, also to one who is dead."""
    return _written("claiming", "if not leases.live(request[WORKER]) then", "if false then")


def claim_under_the_old_token() -> AbstractContextManager[object]:
    """Give a job away again under the token that somebody has already."""
    return _written("claiming", ", job[F.token] + 1", ", 1")


def key_forgotten() -> AbstractContextManager[object]:
    """Store a job with a key, and no word of the key."""
    return _written("verbs/enqueue_plain", 'meta.call_many("HSET", "keys", named)', "")


def counts_drift() -> AbstractContextManager[object]:
    """Forget to count down where a job leaves a state."""
    return _written("places", "kind.number = kind.number - 1", "kind.number = kind.number")


def live_jobs_pruned() -> AbstractContextManager[object]:
    """Let a job that waits for its time stand among those whose time is over."""
    return _written(
        "places", 'enter(move_of("due"), job[F.run_at], id)', 'enter(move_of("expiring"), job[F.run_at], id)'
    )


def unique_name_forgotten() -> AbstractContextManager[object]:
    """Store a job that is to be the only one, and no word of that."""
    return _written("slots", 'ledger.put("slots"', 'ledger.side("slots"')


def one_too_many_begins() -> AbstractContextManager[object]:
    """Compare the number that runs with the limit the wrong way at its edge."""
    return _written("room", "view.left = rule.running - (", "view.left = rule.running + 1 - (")


def slot_of_an_ended_attempt_leaks() -> AbstractContextManager[object]:
    """Count who begins, and not who ends."""
    return _written("places", 'add("running", subject, number)', 'add("running", subject, math.max(0, number))')


def rate_forgotten_at_once() -> AbstractContextManager[object]:
    """Count of the beginnings those of this very moment alone."""
    return _written("rates", "meta.later(tonumber(oldest[gone + 1]), per) <=", "tonumber(oldest[gone + 1]) <")


def tick_fired_twice() -> AbstractContextManager[object]:
    """Make the jobs of a tick, and now and then forget that they were made."""
    right = "schedule.next_at = tick.at, tick.next_at"
    return _written(
        "firing", right, f"{right}\n    schedule.next_at = schedule.version % 2 == 0 and schedule.next_at or tick.at"
    )


def loop_forgotten() -> AbstractContextManager[object]:
    """Leave a loop without its next time when its job has ended."""
    return _written("ends", "schedules.follow(wave)", "do end")


def parent_of_a_parent_not_waited_for() -> AbstractContextManager[object]:
    """Wait only for those that do not wait themselves."""
    return _written(
        "following", "elseif not is_final(parent) then", 'elseif ledger.get(parent)[F.state] ~= "waiting" then'
    )


def last_parent_lost() -> AbstractContextManager[object]:
    """See only to the followers of the first of several jobs that end at once."""
    return _written("ends", "following.follow(wave)", "following.follow({ wave[1] })")


BUGS = (
    settle_without_token,
    report_without_token,
    final_overwritten,
    cancel_forgotten,
    claim_without_lease,
    claim_under_the_old_token,
    key_forgotten,
    counts_drift,
    live_jobs_pruned,
    unique_name_forgotten,
    one_too_many_begins,
    slot_of_an_ended_attempt_leaks,
    rate_forgotten_at_once,
    tick_fired_twice,
    loop_forgotten,
    parent_of_a_parent_not_waited_for,
    last_parent_lost,
)


@contextmanager
def _written(file: str, right: str, wrong: str) -> Iterator[None]:
    """Have a file of scripts say something else while inside."""
    read = composing._read

    def misread(name: str) -> str:
        text = read(name)
        if name != file:
            return text
        assert text.count(right) == 1, f"lua/{file}.lua does not say {right!r} once: plant the bug where it is now"
        return text.replace(right, wrong)

    scripts.script.cache_clear()
    try:
        with patch.object(composing, "_read", misread):
            yield
    finally:
        scripts.script.cache_clear()
