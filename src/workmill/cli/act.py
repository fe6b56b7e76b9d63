"""`workmill jobs act`: cancel or retry every job that matches a filter; unless it is meant, only say which."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from cyclopts import Parameter

from workmill import Action, CountChanged, JobState
from workmill.cli.exits import Exit
from workmill.cli.loading import load_app
from workmill.cli.options import SHOWING, Names, OptionalWhole, Showing, aware
from workmill.cli.output import show_json
from workmill.cli.terminal import clean, say


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """Which jobs."""

    state: Annotated[
        list[JobState] | None, Parameter(negative=(), help="Only jobs in this state; may be repeated.")
    ] = None
    task: Annotated[Names, Parameter(help="Only jobs of these tasks.")] = ()
    queue: Annotated[Names, Parameter(help="Only jobs of these queues.")] = ()
    created_after: Annotated[datetime | None, Parameter(help="Local time, unless it has an offset.")] = None
    created_before: Annotated[datetime | None, Parameter(help="Local time, unless it has an offset.")] = None


MATCHING = Matching()


def act(
    action: Annotated[Action, Parameter(help="What is done to each.")],
    *,
    matching: Matching = MATCHING,
    expected: Annotated[OptionalWhole, Parameter(help="Do it, if they are this many.")] = None,
    yes: Annotated[bool, Parameter(negative=(), show_default=False, help="Do it, however many they are.")] = False,
    reason: Annotated[str | None, Parameter(help="Of a cancel: why; it is kept with each job.")] = None,
    force: Annotated[
        bool, Parameter(negative=(), show_default=False, help="Of a cancel: end running jobs without asking them.")
    ] = False,
    showing: Showing = SHOWING,
) -> int:
    """Cancel what is not over, or retry what failed, of all jobs that match.

    Without --expected or --yes it is only said which they are. Ids go to stdout, of a retry those of the new jobs.
    """
    is_dry = expected is None and not yes
    try:
        acted = load_app(showing.app).act_on_jobs(
            action,
            states=matching.state or (),
            tasks=matching.task,
            queues=matching.queue,
            created_after=aware(matching.created_after),
            created_before=aware(matching.created_before),
            reason=reason,
            force=force,
            expected=expected,
            dry_run=is_dry,
        )
    except CountChanged as error:
        say(f"workmill: {error}")
        return Exit.CONFLICT
    refused = [{"id": job_id, "detail": why} for job_id, why in acted.refused]
    if showing.json:
        done = 0 if is_dry else len(acted.job_ids)
        body = {"action": str(action), "dry_run": is_dry, "matched": acted.matched, "done": done}
        show_json({**body, "jobs": list(acted.job_ids), "refused": refused})
    else:
        for job_id in acted.job_ids:
            print(job_id)
    for each in refused:
        say(clean(f"workmill: job {each['id']}: {each['detail']}"))
    if is_dry:
        say(
            f"workmill: {acted.matched} jobs match, and nothing was done; {action} them with --expected {acted.matched}"
        )
    return Exit.CONFLICT if refused else Exit.OK
