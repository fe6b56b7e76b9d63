"""What `diagnose` looks at: the server, what its setting means for the promises, what it lost, and whether it tells."""

from datetime import timedelta

from workmill.store import Finding, Level
from workmill.stores.redis.address import Address
from workmill.stores.redis.durability import durability
from workmill.stores.redis.rows import moment
from workmill.stores.redis.session import Session
from workmill.stores.redis.setting import Setting, look
from workmill.words.clock import system_clock
from workmill.words.errors import StoreError

CROWDED = 0.9
FRESH = timedelta(days=1)
"""For so long a loss is told."""
MOST_SKEW = timedelta(seconds=5)
REACH = "see that the server runs, that it can be reached from here, and that it lets this user in"


async def diagnose(session: Session, *, is_deaf: bool) -> list[Finding]:
    """See `Store.diagnose`. That the server cannot be asked is a finding, too."""
    findings: list[Finding] = []
    try:
        setting = await look(session.line, session.address)
        findings += [found("server", setting.product), *_of_setting(setting, session.address)]
        now, lost, lost_at = await session.run("health")
        findings += [clock(int(now)), loss(lost, lost_at, int(now)), notices(is_deaf=is_deaf)]
    except StoreError as error:
        findings.append(found("server", str(error), Level.FAIL, REACH))
    return findings


def _of_setting(setting: Setting, address: Address) -> list[Finding]:
    said = durability(setting, address)
    return [
        found("durability", said.sentence, said.level, said.remedy),
        eviction(setting),
        memory(setting),
        disk(setting),
        replicas(setting, address),
    ]


def eviction(setting: Setting) -> Finding:
    """Say whether the server throws away what it holds when its memory is full."""
    subject, policy = "eviction", setting.policy
    remedy = "CONFIG SET maxmemory-policy noeviction, and in its configuration file, too"
    if policy is None:
        return found(subject, "the server does not say whether it throws jobs away", Level.WARN, remedy)
    if policy.startswith("allkeys"):
        return found(subject, f"maxmemory-policy is {policy}: jobs are thrown away", Level.FAIL, remedy)
    return found(subject, f"maxmemory-policy is {policy}: no job is thrown away")


def memory(setting: Setting) -> Finding:
    """Say how much memory is left."""
    subject, used, most = "memory", setting.memory, setting.most_memory
    if not most:
        return found(subject, f"{used >> 20} MiB are used, without a limit")
    detail = f"{used >> 20} of {most >> 20} MiB are used"
    remedy = "raise maxmemory, or let finished jobs be kept for less time"
    if used >= most:
        return found(subject, f"{detail}: nothing can be stored", Level.FAIL, remedy)
    return found(subject, detail) if used < CROWDED * most else found(subject, detail, Level.WARN, remedy)


def disk(setting: Setting) -> Finding:
    """Say whether the server can write to its disk."""
    if not setting.is_failing:
        return found("disk", "the server has no trouble with its disk")
    return found("disk", "the server could not write to its disk lately", Level.FAIL, "see its log and its disk")


def replicas(setting: Setting, address: Address) -> Finding:
    """Say how many replicas there are, and whether they are as many as the URL wants."""
    detail = f"{setting.replicas} are connected"
    if setting.replicas >= address.replicas:
        return found("replicas", detail)
    detail += f" and replicas={address.replicas} wants more: what is stored is not confirmed"
    return found("replicas", detail, Level.FAIL, "see why they are not connected")


def clock(now: int) -> Finding:
    """Say whether the server's clock, by which everything is timed, is near to this machine's."""
    skew = abs(moment(now) - system_clock())
    if skew <= MOST_SKEW:
        return found("clock", "the server's is near to this machine's")
    detail = f"the server's and this machine's differ by {skew.total_seconds():.0f} s: times are the server's"
    return found("clock", detail, Level.WARN, "let both follow NTP")


def loss(lost: bytes | None, lost_at: bytes | None, now: int) -> Finding:
    """Say what the server was seen to have lost."""
    if lost is None or lost_at is None or moment(now) - moment(int(float(lost_at))) > FRESH:
        return found("data", "nothing is known to be lost")
    detail = f"at {moment(int(float(lost_at))):%Y-%m-%d %H:%M:%S} UTC the server was seen to have lost {lost.decode()}"
    return found(
        "data", detail, Level.FAIL, "see its persistence and its replication, and enqueue again what is missing"
    )


def notices(*, is_deaf: bool) -> Finding:
    """Say whether notices come."""
    if not is_deaf:
        return found("notices", "what one connection tells, another hears")
    remedy = "see whether this user may SUBSCRIBE to the channels of the store, see ACL SETUSER"
    return found("notices", "SUBSCRIBE hears nothing: jobs are found by polling, seconds later", Level.WARN, remedy)


def found(subject: str, detail: str, level: Level = Level.OK, remedy: str = "") -> Finding:
    """Make a finding."""
    return Finding(level=level, subject=subject, detail=detail, remedy=remedy)
