"""The way from a running task to the store, for ending its attempt in a transaction of its own."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from workmill.craft.joining import check_joined
from workmill.craft.task import AnyTask
from workmill.store import Verdict
from workmill.words.conversation import Conversation
from workmill.words.emit import Emit
from workmill.words.job import Job
from workmill.words.outcome import Succeeded
from workmill.words.transition import Decide, Transition

if TYPE_CHECKING:
    from workmill.store import Store


class Closing:
    """What the runs of one engine share for that. Every method may be called from any thread.

    Args:
        tasks: The tasks known here, by name.
        store: The engine's store.
        decide: The rule for what follows an attempt.
        make_ready: Is called before the store is needed, and returns when it is open.
        tell: Is told of what may be stored from now on, before the commit that stores it.
    """

    def __init__(
        self,
        tasks: Mapping[str, AnyTask],
        store: "Store",
        decide: Decide,
        emit: Emit,
        *,
        make_ready: Callable[[], None] = lambda: None,
        tell: Callable[[Transition], None] = lambda _: None,
    ) -> None:
        self._tasks = tasks
        self._store = store
        self._decide = decide
        self._emit = emit
        self._make_ready = make_ready
        self._tell = tell

    def check(self, kind: str, connection: object) -> None:
        """Refuse a connection whose transactions the store does not join.

        Raises:
            InvalidOption: As it says.
            StoreError: The store cannot be opened.
        """
        check_joined(self._store.capabilities, kind, connection)
        self._make_ready()

    def success(self, job: Job, value: object) -> Transition:
        """Return what follows when the attempt of a job succeeds with a value.

        Raises:
            ResultRejected: It is not of the task's return type.
        """
        result = self._tasks[job.task].signature.dump_result(value)
        return self._decide(job, Succeeded(result=result), chance=0.0)

    def conversation(self, transition: Transition) -> Conversation[Verdict]:
        """Return what stores it in a transaction of the caller's."""
        verdict = yield from self._store.settle_within(transition)
        if verdict is Verdict.APPLIED:
            self._tell(transition)
        return verdict

    def tell_loss(self, job: Job) -> None:
        """Tell that an attempt could not finish so, because it is no longer the job's."""
        from workmill.words.events import FinishRefused  # noqa: PLC0415 - what works has loaded it

        self._emit(FinishRefused(job_id=job.id, token=job.token))
