"""How many scripts a verb takes."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from workmill.stores.redis import RedisStore
from workmill.stores.redis.session import Session
from workmill.stores.redis.wire import Part, Reply


@contextmanager
def counted(store: RedisStore) -> Iterator[list[str]]:
    """Give the verbs of the scripts that a store runs meanwhile, in their order."""
    session = store._session  # noqa: SLF001 - how often it asks shows nowhere else
    assert session is not None
    verbs = list[str]()

    async def run(verb: str, *args: Part) -> Reply:
        verbs.append(verb)
        return await Session.run(session, verb, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "run", run)
        yield verbs
