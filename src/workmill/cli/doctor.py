"""`workmill doctor`: what is in order, what is not, and what to do about it."""

from collections.abc import Iterator

from workmill import App, Finding, Level, StoreError
from workmill.cli.checkup import look_at_pauses, look_at_queues, look_at_tasks, look_at_workers
from workmill.cli.exits import Exit
from workmill.cli.loading import find_app, import_app
from workmill.cli.options import LISTING, Listing
from workmill.cli.output import Column, show_items

_COLUMNS = (
    Column(heading="LEVEL", read=lambda finding: finding["level"]),
    Column(heading="WHAT", read=lambda finding: finding["subject"]),
    Column(heading="FOUND", read=lambda finding: finding["detail"]),
    Column(heading="DO", read=lambda finding: finding["remedy"]),
)


def doctor(*, listing: Listing = LISTING) -> int:
    """Check the application, its store and its workers; exit code 1 if anything fails."""
    address = find_app(listing.app)
    app = import_app(address)
    findings = [
        Finding(level=Level.OK, subject="application", detail=f"{address.spec}, named by {address.origin}"),
        *look_at_tasks(app),
        *_look_at_store(app),
    ]
    body = {"items": [_document(finding) for finding in findings]}
    show_items(body, _COLUMNS, listing.form)
    return Exit.FAILURE if any(finding.level is Level.FAIL for finding in findings) else Exit.OK


def _look_at_store(app: App) -> Iterator[Finding]:
    try:
        findings, workers, counts, queues = app.diagnose(), app.workers(), app.counts(), app.queues()
    except StoreError as error:
        remedy = "check WORKMILL_URL, and that this user may read and write there"
        yield Finding(level=Level.FAIL, subject=f"store {app.masked_url}", detail=str(error), remedy=remedy)
        return
    yield from findings
    yield from look_at_workers(workers)
    yield from look_at_queues(app, counts, workers)
    yield from look_at_pauses(queues)


def _document(finding: Finding) -> dict[str, str]:
    return {
        "level": str(finding.level),
        "subject": finding.subject,
        "detail": finding.detail,
        "remedy": finding.remedy,
    }
