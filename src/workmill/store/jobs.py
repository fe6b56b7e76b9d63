"""The verbs over jobs: from storing to pruning."""

from collections.abc import Sequence
from typing import Protocol

from workmill.store.flows import Flow, FlowPage
from workmill.store.obstacles import Obstacles
from workmill.store.records import Enqueued, JobFilter, Page, Verdict
from workmill.store.working import ClaimRequest, Count, Promotion, Report, Settled
from workmill.words.conversation import Conversation
from workmill.words.job import Attempt, Job, NewJob
from workmill.words.transition import Transition


class JobVerbs(Protocol):
    """What a store does with jobs."""

    async def enqueue(self, jobs: Sequence[NewJob]) -> list[Enqueued]:
        """Store new jobs, all or none.

        A job with a `delay` above zero or a `run_at` to come begins as `scheduled`, any other as `queued`; a `run_at`
        that is past is kept on the job. One whose id is stored already, or whose key is stored for its task with the
        same arguments (byte for byte), returns the stored job, unchanged. Keys hold as long as the job they name is
        kept, and also within the batch.

        In this order each job is looked at, as if those before it in the batch were stored already:

        - Its id, its key: as said.
        - `unique`: where it conflicts, what its `on_conflict` says is done. A job that is replaced is cancelled as
          `cancel` does it; if it runs, the new one is `waiting` for its end, and if it waits for others, the new one
          waits for those, too: the two never run at the same time.
        - `after`: it begins as `waiting` until its parents have become what it needs; then its `delay` or `run_at`
          count, and it is `scheduled` or `queued`, in the place that it has from its storing. A parent is stored
          already or comes before it in the batch, so that no cycle can be; one whose own storing was answered by
          another job stands for that. Where it is certain already that its need will not be met, it ends at once as
          `settle` says, for the first parent named that decides it. A parent that is named twice counts once.
        - The rule of its queue for `waiting`: a queue that would hold more takes none of the batch.

        Raises:
            JobConflict: A key is stored for this task with other arguments; the error bears the stored job's id, or the
                earlier one's within the batch.
            ParentNotFound: A parent is not stored.
            QueueFull: A queue may not hold so many jobs that have not begun.
            UniqueConflict: A job is `unique` and to be rejected; the error bears the id of the one there is.
        """

    async def claim(self, request: ClaimRequest) -> list[Job]:
        """Take jobs under the worker's lease: `running`, with `attempt` and `token` one higher.

        Only `queued` jobs of the named tasks and queues are taken: over all of them the highest priority first and,
        among equals, the oldest first by the order in which they were stored. No job is given to two claims. Jobs of
        other tasks neither are taken nor slow the claim.

        Passed over are, with what comes after them taken: jobs on a paused queue; those whose task, queue or gate has a
        rule for `running` and as many jobs running as it says, or a rule for `rate` and as many attempts begun within
        its `per` as it says, all claims of all workers being counted, in the order in which they are given. A job runs
        in this sense from its claim until its attempt is settled, though its worker be dead. Rules hold at every
        instant. Jobs that are passed over do not slow the claim, however many they and their keys are. What can be
        claimed because a job has ended, or a rule was changed, is told to listeners.

        A job that may not begin any more (`policy.expires`) is not given: it is `cancelled`, and the reason says so.

        Raises:
            LeaseLost: The worker has no live lease; nothing was claimed.
        """

    async def settle(self, transitions: Sequence[Transition], claim: ClaimRequest | None = None) -> Settled:
        """End attempts, the only way an attempt ends, and claim more in the same transaction.

        A transition is applied if its job is `running` under its token, else it is `stale`. One that would run the job
        again is not applied while a cancel is requested. An applied one writes state, `attempt`, `deaths`, result or
        failure; keeps an `Attempt` of it; sets `run_at` to now plus `delay` (`retrying`, `scheduled`), or `finished_at`
        and `expires_at` (final states). A job that goes back to `queued` keeps its place in the order. `failure` stays
        on the job until a later attempt ends with another, or with success, which removes it. Progress stays.

        What follows from a job's end, however it ends, `cancel` and rescue included, is done in the same transaction:

        - Of each job that is `waiting` for it, one parent less is missing; where that was the last, or the need is
          certain not to be met, the job goes on or ends. One that needs success and follows a job that failed becomes
          `failed` with a failure of kind `dependency`; one that needs success and follows a cancelled job, and one that
          needs a failure which did not come, becomes `cancelled`; the reasons are those of `words.unstarted`. The ends
          of those are ends of jobs, too, however long the chain.
        - A schedule with a `pause` whose last job it was, if it is active, is due that long after the end.

        A claim that the lease no longer allows claims nothing; the transitions are settled all the same.
        """

    async def report(self, reports: Sequence[Report]) -> list[bool]:
        """Store progress, fenced by token like a settle; the answer says which were stored."""

    async def enqueue_within(self, jobs: Sequence[NewJob]) -> Conversation[list[Enqueued]]:
        """Prepare what stores new jobs in a transaction of the caller's; by itself it stores nothing.

        Held on a connection to this database, the conversation does as `enqueue` does, with its answers and errors, but
        the jobs come and go with the caller's transaction: it sees them at once, others from its commit on, nobody
        after its rollback. However late it commits, they are neither skipped nor given twice. Their place in the order
        is that of the storing, only that what anybody stored between the first write of such a transaction and its end
        may come in another order; the jobs that one transaction stored for one task and queue keep theirs. Listeners
        are told after the commit, as far as the store learns of it.

        Raises:
            StoreError: The store joins no transactions. Of the conversation, also: the connection is to another
                database.
        """

    def settle_within(self, transition: Transition) -> Conversation[Verdict]:
        """Prepare what ends one attempt in a transaction of the caller's; by itself it ends nothing.

        Held on a connection to this database, the conversation does as `settle` does, but for one thing: it is `stale`
        also where the claiming worker's lease has ended. Else the claim is locked until the transaction ends, so that
        whoever would take the job meanwhile waits; a transaction that then stays idle for longer than the lease is
        ended by the store, as far as it can. May be called from any thread.

        Raises:
            StoreError: The store joins no transactions. Of the conversation, also: the connection is to another
                database.
        """

    async def held(self, worker_id: str, engine: int | None = None) -> list[Job]:
        """Return the jobs that a worker, or one of its engines, holds."""

    async def expired(self, limit: int) -> list[Job]:
        """Return up to `limit` running jobs whose worker has no live lease."""

    async def promote(self, limit: int) -> Promotion:
        """Make up to `limit` `scheduled` and `retrying` jobs that are due `queued`, those longest due first.

        A promoted job keeps the place in the order that it had when it was stored. Up to `limit` jobs that have not
        begun and may not begin any more (`policy.expires`) become `cancelled`, as a claim would have it, and also where
        they are due only now. Where a rate lets jobs begin again that it held back, listeners are told.
        """

    async def prune(self, limit: int) -> int:
        """Delete up to `limit` final jobs that have reached `expires_at`, and return how many.

        A job stays as long as one that follows it has not ended, and no longer for that reason than an hour after.
        Messages of channels go when they are an hour old. It forgets workers whose lease ended a day ago, too.
        """

    async def cancel(self, job_ids: Sequence[str], reason: str | None, *, force: bool = False) -> list[Job | None]:
        """Cancel jobs and return them as they are now (None: no such job). Safe to repeat.

        One that is not running becomes `cancelled` at once. A running one keeps running, and its worker is told: to ask
        it to end, or, with `force`, to end it. Either gets `cancel_requested_at`, the reason and `cancel_forced`; to
        repeat it changes nothing, not the reason either, but that a running job's request becomes forced. A final one
        is returned unchanged. Jobs that are named together are cancelled before what follows from it is done.
        """

    async def get(self, job_ids: Sequence[str]) -> list[Job | None]:
        """Return jobs by id; None for each that is not stored."""

    async def find(self, wanted: JobFilter, *, limit: int, cursor: str | None) -> Page:
        """List jobs, newest first, from where `cursor` (a `Page.next_cursor`) points.

        A job stored while the pages are read never makes one repeat or go missing.

        Raises:
            InvalidOption: The cursor is none of this store's.
        """

    async def counts(self) -> list[Count]:
        """Count the stored jobs by queue, task and state, leaving out zeros, at a cost independent of their number."""

    async def attempts(self, job_id: str) -> list[Attempt]:
        """Return the attempts of a job that have ended, oldest first."""

    async def parents(self, job_ids: Sequence[str]) -> list[tuple[str, ...]]:
        """Return of each job the ids of those that it follows, in the order in which it named them.

        Empty for a job that follows none or is not stored. What it follows by the rule of its schedule or because it
        replaced a running job is named last.
        """

    async def flow(self, flow_id: str) -> Flow | None:
        """Return how a flow stands; None where no job of it is stored."""

    async def flows(self, *, limit: int, cursor: str | None) -> FlowPage:
        """List flows, those begun last first, from where `cursor` (a `FlowPage.next_cursor`) points.

        Raises:
            InvalidOption: The cursor is none of this store's.
        """

    async def obstacles(self, job_id: str) -> Obstacles | None:
        """Return what in the store holds a job back now; None where it is not stored."""
