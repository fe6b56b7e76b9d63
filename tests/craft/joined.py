"""A caller's connection that does what a test says, and a store that ends attempts in its transactions."""

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import pytest

from workmill import AnyTask, App, current_job
from workmill.craft import client, finish
from workmill.craft.connections import AwaitedConnection, BlockingConnection, Kind
from workmill.craft.finish import Finish
from workmill.store import Capabilities, Verdict
from workmill.words.conversation import Conversation, Statement
from workmill.words.transition import Transition

T = TypeVar("T")
Inside: TypeAlias = Callable[[Finish], Any]
KIND: Kind = "sqlite3"


class Given:
    """What a test hands over as its connection.

    Attributes:
        did: What was done on it, in order.
        failing: What a step raises, by its name.
        verdict: What the store says of an attempt's end.
        on_commit: Called with what was settled, when that is committed.
    """

    def __init__(self, *, is_awaited: bool = False) -> None:
        self.is_awaited = is_awaited
        self.did: list[str] = []
        self.failing: dict[str, BaseException] = {}
        self.verdict = Verdict.APPLIED
        self.on_commit: Callable[[Transition], None] = lambda _: None
        self.settled: Transition | None = None

    def do(self, step: str) -> None:
        self.did.append(step)
        if step == "commit" and self.settled is not None:
            self.on_commit(self.settled)
        if step in self.failing:
            raise self.failing[step]

    def hold(self, conversation: Conversation[T]) -> T:
        try:
            statement = next(conversation)
            while True:
                self.do(statement.sql)
                statement = conversation.send([(self,)])
        except StopIteration as end:
            answer: T = end.value
            return answer


class Blocking(BlockingConnection):
    """The blocking way to it."""

    def __init__(self, given: Given) -> None:
        self._given = given

    @property
    def kind(self) -> Kind:
        return KIND

    def begin(self) -> None:
        self._given.do("begin")

    def hold(self, conversation: Conversation[T]) -> T:
        return self._given.hold(conversation)

    def commit(self) -> None:
        self._given.do("commit")

    def roll_back(self) -> None:
        self._given.do("roll back")


class Awaited(AwaitedConnection):
    """The awaited way to it."""

    def __init__(self, given: Given) -> None:
        self._given = given

    @property
    def kind(self) -> Kind:
        return KIND

    async def begin(self) -> None:
        self._given.do("begin")

    async def hold(self, conversation: Conversation[T]) -> T:
        return self._given.hold(conversation)

    async def commit(self) -> None:
        self._given.do("commit")

    async def roll_back(self) -> None:
        self._given.do("roll back")


def settle_within(transition: Transition) -> Conversation[Verdict]:
    """Do for `Given` what a store does for a true connection."""
    ((given,),) = yield Statement("settle")
    if given.verdict is Verdict.APPLIED:
        given.settled = transition
    verdict: Verdict = given.verdict
    return verdict


class JoiningStore:
    """What a closing needs of a store."""

    def __init__(self, *joins: str) -> None:
        self.capabilities = Capabilities(name="fake", crosses_processes=False, durability="none", joins=joins)
        self.settle_within = settle_within


@pytest.fixture(params=[Blocking, Awaited], ids=["blocking", "awaited"])
def given(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Given:
    """Give a connection, once as one that blocks and once as one that is awaited."""
    return patched(monkeypatch, request.param)


def patched(monkeypatch: pytest.MonkeyPatch, colour: type[Blocking | Awaited]) -> Given:
    """Have what a test hands over taken for a connection of one colour."""
    for module in (client, finish):
        monkeypatch.setattr(module, "connection_of", colour)
    return Given(is_awaited=colour is Awaited)


def finishing(
    app: App, given: Given, inside: Inside = lambda _: None, after: Callable[[], Any] = lambda: None
) -> AnyTask:
    """Register a task that ends in a transaction on a connection, of the connection's colour."""
    if given.is_awaited:

        @app.task(name="finishing")
        async def awaiting() -> Any:
            async with current_job.finish_in(given) as finish:
                inside(finish)
            return after()

        return awaiting

    @app.task(name="finishing")
    def finishing() -> Any:
        with current_job.finish_in(given) as finish:
            inside(finish)
        return after()

    return finishing
