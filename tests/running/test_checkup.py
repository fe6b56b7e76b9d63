from tests.running.fakes import FailingStore, Kept
from workmill.running.checkup import say_what_is_amiss
from workmill.store import Finding, Level
from workmill.words.errors import StoreUnavailable
from workmill.words.events import StoreAmiss


class AilingStore(FailingStore):
    async def diagnose(self) -> list[Finding]:
        return [
            Finding(level=Level.OK, subject="version", detail="18"),
            Finding(level=Level.WARN, subject="notices", detail="none come", remedy="go round the pooler"),
            Finding(level=Level.FAIL, subject="autovacuum", detail="off", remedy="turn it on"),
        ]


async def test_all_that_is_not_well_is_said_with_its_remedy() -> None:
    events = Kept()

    await say_what_is_amiss(AilingStore(), emit=events.append)

    assert events == [
        StoreAmiss(subject="notices", detail="none come", remedy="go round the pooler"),
        StoreAmiss(subject="autovacuum", detail="off", remedy="turn it on"),
    ]


async def test_store_that_cannot_be_looked_at_is_said_and_harms_nobody() -> None:
    store, events = FailingStore(), Kept()
    store.failures["diagnose"] = [StoreUnavailable("gone")]

    await say_what_is_amiss(store, emit=events.append)

    assert [event.detail for event in events.of(StoreAmiss)] == ["its health cannot be looked at: gone"]
