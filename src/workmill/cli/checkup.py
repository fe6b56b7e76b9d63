"""What can be wrong between an application and its store, as findings. What was read goes in, findings come out."""

from collections.abc import Iterator, Sequence

from workmill import App, Count, Finding, JobState, Level, Order, QueueInfo, Worker


def look_at_tasks(app: App) -> Iterator[Finding]:
    """Check that every task can be described: its type hints may name what does not exist."""
    if not app.tasks:
        yield Finding(
            level=Level.WARN,
            subject="tasks",
            detail="none is registered",
            remedy="decorate a function with @app.task, and import its module where the application is made",
        )
        return
    broken = [finding for name in sorted(app.tasks) for finding in _look_at_task(app, name)]
    listed = f"{len(app.tasks)} registered: {', '.join(sorted(app.tasks))}"
    yield from broken or [Finding(level=Level.OK, subject="tasks", detail=listed)]


def look_at_workers(workers: Sequence[Worker]) -> Iterator[Finding]:
    """Check that somebody works."""
    live = [worker for worker in workers if worker.is_live]
    if not live:
        yield Finding(
            level=Level.WARN, subject="workers", detail="none is live", remedy="start one with `workmill worker`"
        )
        return
    if all(worker.order is not Order.WORK for worker in live):
        detail = f"none takes jobs: {len(live)} live, all quiet or stopping"
        remedy = "let one go on with `workmill workers resume`, or start another"
        yield Finding(level=Level.WARN, subject="workers", detail=detail, remedy=remedy)
        return
    slots = sum(worker.concurrency for worker in live)
    running = sum(worker.running for worker in live)
    yield Finding(level=Level.OK, subject="workers", detail=f"{len(live)} live, {running} of {slots} slots taken")


def look_at_queues(app: App, counts: Sequence[Count], workers: Sequence[Worker]) -> Iterator[Finding]:
    """Check that every job that waits for a worker has one that would take it."""
    live = [worker for worker in workers if worker.is_live]
    for count in counts:
        if count.state is JobState.QUEUED and not any(_takes(worker, count) for worker in live):
            yield _stranded(count, is_known=count.task in app.tasks)


def look_at_pauses(queues: Sequence[QueueInfo]) -> Iterator[Finding]:
    """Check that no queue is held that somebody may have forgotten."""
    for queue in queues:
        if queue.pause is not None:
            by = f" by {queue.pause.by}" if queue.pause.by else ""
            detail = f"paused since {queue.pause.since:%Y-%m-%d %H:%M:%S}Z{by}; {queue.unbegun} jobs have not begun"
            remedy = f"let it go on with `workmill queues resume {queue.name}`"
            yield Finding(level=Level.WARN, subject=f"queue {queue.name}", detail=detail, remedy=remedy)


def _look_at_task(app: App, name: str) -> Iterator[Finding]:
    if problem := app.tasks[name].problem:
        yield Finding(
            level=Level.FAIL, subject=f"task {name}", detail=problem, remedy="correct the function's type hints"
        )


def _takes(worker: Worker, count: Count) -> bool:
    return (
        worker.order is Order.WORK
        and count.task in worker.tasks
        and (worker.queues is None or count.queue in worker.queues)
    )


def _stranded(count: Count, *, is_known: bool) -> Finding:
    jobs = "1 queued job" if count.jobs == 1 else f"{count.jobs} queued jobs"
    detail = f"{jobs} of task {count.task} that no live worker takes"
    if is_known:
        remedy = f"start one with `workmill worker --queues {count.queue}`, or without --queues for all"
    else:
        remedy = f"the application has no task {count.task} either: register it again, or cancel these jobs"
    return Finding(level=Level.WARN, subject=f"queue {count.queue}", detail=detail, remedy=remedy)
