"""What a server is set to, as far as it bears on the promises."""

from collections.abc import Mapping
from dataclasses import dataclass

from workmill.stores.redis.address import Address
from workmill.stores.redis.wire import REFUSALS, Conductor, Reply
from workmill.words.errors import StoreError, StoreUnavailable

OLDEST = (6, 2)
WAITAOF_SINCE = (7, 2)
WAITAOF_RIGHT_SINCE = (7, 4, 3)
SECTIONS = ("server", "memory", "persistence", "replication", "cluster")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a server says of itself; what it does not tell this user is None.

    Attributes:
        version: As Redis counts, for what it can do; `product` says its own.
        keeps_log: Whether it has a file to which it appends each change.
        syncs_log: When that file reaches the disk: always, everysec or no.
        saves: When it writes a snapshot, as Redis says it; "" for never.
        is_failing: Whether it could not write to its disk lately.
    """

    product: str
    is_valkey: bool
    version: tuple[int, ...]
    policy: str | None
    memory: int
    most_memory: int
    keeps_log: bool | None
    syncs_log: str | None
    saves: str | None
    is_failing: bool
    is_primary: bool
    replicas: int


async def look(line: Conductor, address: Address) -> Setting:
    """Ask a server what it is set to.

    Raises:
        StoreUnavailable: It does not answer.
    """
    await line.run(b"EXISTS", address.key("meta"))  # Of a cluster, let it be the server that holds our keys.
    told: dict[str, str] = {}
    for section in SECTIONS:
        told.update(_lines(await line.run(b"INFO", section)))
    for name in ("maxmemory-policy", "appendonly", "appendfsync", "save"):
        told.update(_pairs(await line.run(b"CONFIG", b"GET", name)))
    return _setting(told)


async def admit(line: Conductor, address: Address) -> Setting:
    """Look at a server, and refuse one that cannot keep a store.

    Raises:
        StoreUnavailable: It is a replica, or does not answer.
        StoreError: It is too old, throws stored jobs away, or cannot do what the URL asks for.
    """
    setting = await look(line, address)
    name = address.name
    if setting.version and setting.version < OLDEST:
        raise StoreError(f"{name}: this is {setting.product}; Redis 6.2 or newer is needed, or any Valkey")
    if setting.policy is not None and setting.policy.startswith("allkeys"):
        raise StoreError(
            f"{name}: maxmemory-policy is {setting.policy}: the server would throw jobs away when its memory is full; "
            "CONFIG SET maxmemory-policy noeviction, and in its configuration file, too"
        )
    if not setting.is_primary:
        raise StoreUnavailable(f"{name}: the server is a replica; name the primary, or its sentinels")
    if address.syncs and not syncs(setting):
        raise StoreError(
            f"{name}: {setting.product} as it is set cannot say when a change is on its disk, which fsync=1 asks for; "
            "CONFIG SET appendonly yes and appendfsync always (on Redis 7.2 or newer, or Valkey)"
        )
    return setting


def syncs(setting: Setting) -> bool:
    """Whether the server can tell when a change is on its disk.

    Before Redis 7.4.3, and in Valkey so far, WAITAOF answers before the disk does, unless that is waited for anyway.
    """
    if not setting.keeps_log or setting.version < WAITAOF_SINCE:
        return False
    is_right = not setting.is_valkey and setting.version >= WAITAOF_RIGHT_SINCE
    return setting.syncs_log == "always" or (setting.syncs_log == "everysec" and is_right)


def _lines(reply: Reply) -> dict[str, str]:
    if isinstance(reply, REFUSALS):
        return {}
    pairs = (line.partition(":") for line in reply.decode(errors="replace").splitlines())
    return {name: value for name, separator, value in pairs if separator}


def _pairs(reply: Reply) -> dict[str, str]:
    if isinstance(reply, REFUSALS):
        return {}
    texts = [text.decode(errors="replace") for text in reply]
    return dict(zip(texts[::2], texts[1::2], strict=False))


def _setting(told: Mapping[str, str]) -> Setting:
    statuses = [told.get(name, "ok") for name in ("aof_last_write_status", "rdb_last_bgsave_status")]
    return Setting(
        product=_product(told),
        is_valkey="valkey_version" in told,
        version=_version(told.get("redis_version", "")),
        policy=told.get("maxmemory_policy", told.get("maxmemory-policy")),
        memory=int(told.get("used_memory", 0)),
        most_memory=int(told.get("maxmemory", 0)),
        keeps_log={"1": True, "0": False, "yes": True, "no": False}.get(
            told.get("aof_enabled", told.get("appendonly", ""))
        ),
        syncs_log=told.get("appendfsync"),
        saves=told.get("save"),
        is_failing="err" in statuses,
        is_primary=told.get("role", "master") == "master",
        replicas=int(told.get("connected_slaves", 0)),
    )


def _product(told: Mapping[str, str]) -> str:
    if "valkey_version" in told:
        return f"Valkey {told['valkey_version']}"
    return f"Redis {told['redis_version']}" if "redis_version" in told else "a server that does not say its version"


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())
