"""Connections that are no more."""

import psycopg
import pytest

from tests.craft.connections.test_transactions import spoken
from tests.craft.connections.ways import WAYS, Caller, Place, done
from workmill.words.conversation import Conversation, Statement

pytestmark = [pytest.mark.slow]
ON_POSTGRES = pytest.mark.parametrize(
    "way", [way for way in WAYS if way.kind == "postgresql"], ids=lambda way: way.name, indirect=True
)


def asking_who() -> Conversation[int]:
    [[number]] = yield Statement("SELECT pg_backend_pid()")
    return int(number)


def end(place: Place, session: int) -> None:
    with psycopg.connect(place.postgres) as connection:
        [ended] = connection.execute("SELECT pg_terminate_backend(%s, 10000)", (session,))
        assert ended == (True,)


@ON_POSTGRES
async def test_a_session_that_was_ended_can_be_rolled_back(caller: Caller, place: Place) -> None:
    found = spoken(caller)
    await done(found.begin())
    end(place, await done(found.hold(asking_who())))

    with pytest.raises(Exception, match=r"terminat|clos|reset"):
        await done(found.hold(asking_who()))
    await done(found.roll_back())


@ON_POSTGRES
async def test_a_session_that_was_ended_unnoticed_can_be_rolled_back(caller: Caller, place: Place) -> None:
    found = spoken(caller)
    await done(found.begin())
    end(place, await done(found.hold(asking_who())))

    await done(found.roll_back())
