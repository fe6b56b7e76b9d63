"""Looking changes nothing."""

import httpx2

from tests.dashboard.conftest import BROWSER
from tests.dashboard.seeded import application, seed
from workmill import App, job_document, queue_document, rule_document, schedule_document
from workmill.dashboard import asgi

STARTS = ("/", "/jobs", "/tasks", "/queues", "/schedules", "/flows", "/workers", "/jobs/act?action=cancel")
MOST_PAGES = 300


def links(page: str) -> set[str]:
    return {rest.split('"', 1)[0].replace("&amp;", "&").partition("#")[0] for rest in page.split('href="')[1:]} - {""}


async def everything(app: App) -> list[object]:
    """Return all that the store keeps, as its documents say it."""
    jobs = [job_document(job) for job in (await app.ajobs(limit=1000)).jobs]
    queues = [queue_document(queue) for queue in await app.aqueues()]
    rules = [rule_document(rule) for rule in await app.alimits()]
    schedules = [schedule_document(each.info, ()) for each in (await app.schedules.alist()).schedules]
    return [jobs, queues, rules, schedules, [(worker.id, worker.order) for worker in await app.aworkers()]]


async def test_following_every_link_changes_nothing_and_leads_somewhere() -> None:
    app = application("memory://")
    await seed(app)
    before = await everything(app)
    seen, waiting, lost = set[str](), list(STARTS), list[str]()

    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=asgi(app)), base_url="http://localhost", headers=BROWSER
    ) as client:
        while waiting and len(seen) < MOST_PAGES:
            address = waiting.pop()
            seen.add(address)
            answer = await client.get(address)
            lost += [address] if answer.status_code >= 400 else []
            found = links(answer.text) if answer.headers["content-type"].startswith("text/html") else set()
            waiting += [each for each in found - seen - set(waiting) if each.startswith("/")]

    assert not lost, "\n".join(lost)
    assert len(seen) > 40
    assert await everything(app) == before
    app.close()
