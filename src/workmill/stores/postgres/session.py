"""What a verb works with: the connections, the SQL, and the bells that tell of what it did."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from workmill.store import Notice, NoticeKind
from workmill.stores.postgres.arguments import Values
from workmill.stores.postgres.lines import Lines
from workmill.stores.postgres.places import Places
from workmill.stores.postgres.statements import statements
from workmill.stores.postgres.sweeping import Sweep
from workmill.stores.postgres.wake import MOST_IDS, Bells
from workmill.stores.postgres.wire import Rows
from workmill.words.codec import Json

LaneName: TypeAlias = tuple[str, str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One open store, as its verbs see it.

    Attributes:
        lanes: The lanes that are known, by task, queue and priority. They are never deleted.
        names: The same the other way round.
        places: Where the jobs lie that were claimed here.
        promoting: How far what is due was promoted.
        pruning: How far what is past its keep time was deleted.
    """

    lines: Lines
    bells: Bells
    schema: str
    lanes: dict[LaneName, int] = field(default_factory=dict)
    names: dict[int, LaneName] = field(default_factory=dict)
    places: Places = field(default_factory=Places)
    promoting: Sweep = field(default_factory=Sweep)
    pruning: Sweep = field(default_factory=Sweep)

    async def run(self, verb: str, name: str, values: Values = ()) -> Rows:
        """Run a statement by its name, see `Lines.run`."""
        return await self.lines.run(statements(verb, self.schema)[name], values)

    async def learn_lanes(self) -> None:
        """Read all lanes there are."""
        for task, queue, priority, lane in await self.run("enqueue", "lanes"):
            self.lanes[task, queue, priority] = lane
            self.names[lane] = task, queue, priority

    def tell(self, kind: NoticeKind, *, queue: str = "", job_ids: Iterable[str] = ()) -> None:
        """Let those who listen know."""
        self.bells.ring([Notice(kind=kind, queue=queue, job_ids=tuple(job_ids))])

    def tell_followed(self, followed: Mapping[str, Json] | None) -> None:
        """Let those who listen know what followed from a change, as the server says it; mostly nothing did."""
        if followed:
            self.bells.ring(followed_by(followed))

    def tell_of_queues(self, queues: Sequence[str]) -> None:
        """Let those who listen know that jobs can be claimed."""
        self.bells.ring([Notice(kind=NoticeKind.QUEUED, queue=queue) for queue in dict.fromkeys(queues)])


def followed_by(followed: Mapping[str, Json]) -> list[Notice]:
    """Return what is to be told of what followed; of very many jobs it is said that any may have changed."""
    notices = [Notice(kind=NoticeKind.QUEUED, queue=queue) for queue in dict.fromkeys(followed["queues"])]
    if followed["scheduled"]:
        notices.append(Notice(kind=NoticeKind.SCHEDULED))
    if followed.get("asked"):
        notices.append(Notice(kind=NoticeKind.CANCEL, job_ids=tuple(followed["asked"])))
    ids = tuple(followed["ids"])
    return [*notices, Notice(kind=NoticeKind.CHANGED, job_ids=ids if len(ids) <= MOST_IDS else ())]
