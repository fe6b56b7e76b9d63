"""Queues and limits: how they stand, and setting them by hand; and why a job does not run.

What that takes is loaded when it is asked for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from workmill.craft.client import Client, Session
from workmill.craft.limits import checked_count, checked_rate
from workmill.craft.registry import Registry
from workmill.sync import Portal
from workmill.words.errors import InvalidOption
from workmill.words.limit import Rate, Rule, Scope
from workmill.words.names import check_name

if TYPE_CHECKING:
    from workmill.craft.queue import QueueHandle, QueueInfo
    from workmill.craft.why import Why
    from workmill.store import RuleState


class Queueing:
    """What an application says and asks of queues and limits."""

    _client: Client
    _portal: Portal
    _registry: Registry

    def queue(self, name: str) -> QueueHandle:
        """Return a handle on a queue; it asks the store nothing.

        Raises:
            InvalidOption: The name can be none.
        """
        from workmill.craft.queue import QueueHandle  # noqa: PLC0415 - loaded by who asks for queues

        return QueueHandle(self._portal, check_name("queue", name))

    def queues(self) -> list[QueueInfo]:
        """Return the queues and how they stand, by name.

        Those that hold jobs, that tasks of this application or live workers name, or that are paused or limited.
        """
        return self._portal.run(self._queues)

    async def aqueues(self) -> list[QueueInfo]:
        """Do as `queues` does, awaited."""
        return await self._portal.arun(self._queues)

    def limits(self) -> list[RuleState]:
        """Return the rules in force, by scope and name, and how many jobs run that each counts."""
        return self._portal.run(_rules)

    async def alimits(self) -> list[RuleState]:
        """Do as `limits` does, awaited."""
        return await self._portal.arun(_rules)

    def limit(self, scope: Scope | str, name: str, *, running: int | None = None, rate: Rate | None = None) -> None:
        """Set by hand what holds for a task, a queue, or each key of one name, at once and wherever workers are.

        It holds in place of what code declares until `reset_limit`; what is not given does not hold. Jobs that run go
        on. A bound of a queue is lifted by it: that is for `queue(name).limit(...)` to set.

        Args:
            scope: `task`, `queue` or `key`.
            name: The task's, the queue's, or that of the limit about keys.
            running: How many may run at a time. Zero lets none begin.
            rate: How many attempts may begin in any stretch of a length of time.

        Raises:
            InvalidOption: One of them cannot be.
        """
        self._portal.run(_setting(scope, name, running, rate))

    async def alimit(
        self, scope: Scope | str, name: str, *, running: int | None = None, rate: Rate | None = None
    ) -> None:
        """Do as `limit` does, awaited."""
        await self._portal.arun(_setting(scope, name, running, rate))

    def reset_limit(self, scope: Scope | str, name: str) -> None:
        """Undo what was set by hand: what code declares holds again, or nothing does. Safe to repeat.

        Raises:
            InvalidOption: The scope or the name can be none.
        """
        self._portal.run(_resetting(scope, name))

    async def areset_limit(self, scope: Scope | str, name: str) -> None:
        """Do as `reset_limit` does, awaited."""
        await self._portal.arun(_resetting(scope, name))

    def why(self, job_id: str) -> Why:
        """Return why a job is not running, or that it is: one reason, the most decisive, and a sentence about it.

        Raises:
            JobNotFound: No job has this id.
        """
        return self._portal.run(lambda session: self._client.why(session, job_id))

    async def awhy(self, job_id: str) -> Why:
        """Do as `why` does, awaited."""
        return await self._portal.arun(lambda session: self._client.why(session, job_id))

    async def _queues(self, session: Session) -> list[QueueInfo]:
        from workmill.craft.queue import queue_infos  # noqa: PLC0415 - loaded by who asks for queues

        return await queue_infos(session, [task.queue for task in self._registry.tasks.values()])


async def _rules(session: Session) -> list[RuleState]:
    # Code that has taken a limit back has declared that there is none: nobody needs to hear of that.
    return [
        state for state in await session.store.rules() if state.rule.says or (state.declared and state.declared.says)
    ]


def _setting(
    scope: Scope | str, name: str, running: int | None, rate: Rate | None
) -> Callable[[Session], Awaitable[None]]:
    rule = Rule(
        scope=_scope(scope),
        name=check_name("name", name),
        running=checked_count("running", running),
        rate=checked_rate("rate", rate),
    )
    return lambda session: session.store.set_rules([rule])


def _resetting(scope: Scope | str, name: str) -> Callable[[Session], Awaitable[None]]:
    chosen = (_scope(scope), check_name("name", name))
    return lambda session: session.store.reset_rules([chosen])


def _scope(scope: Scope | str) -> Scope:
    try:
        return Scope(scope)
    except ValueError:
        raise InvalidOption("scope", scope, f"give one of {', '.join(Scope)}") from None
