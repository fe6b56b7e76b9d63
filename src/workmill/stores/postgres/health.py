"""What `diagnose` looks at: the server, what it is set to, whether notices come, and what makes its tables grow."""

from workmill.store import Finding, Level
from workmill.stores.postgres import growth
from workmill.stores.postgres.address import Address
from workmill.stores.postgres.probing import Hearing, try_to_hear
from workmill.stores.postgres.session import Session
from workmill.words.errors import StoreError

SHORT_MILLISECONDS = 5000
"""A timeout below this breaks off what is only waiting its turn."""
CROWDED = 0.9


async def diagnose(session: Session, address: Address, *, is_deaf: bool) -> list[Finding]:
    """See `Store.diagnose`. That the server cannot be asked is a finding, too."""
    findings: list[Finding] = []
    try:
        ((version, syncs, commits, isolation, statement, lock, vacuums, sessions, most),) = await session.run(
            "health", "settings"
        )
        findings += [
            found("PostgreSQL", f"version {version}"),
            durability(commits, syncs=syncs),
            limits(isolation, {"statement_timeout": statement, "lock_timeout": lock}),
            connections(sessions, most),
        ]
        findings += await growth.look(session, vacuums=vacuums)
        findings.append(notices(await try_to_hear(session, address), is_deaf=is_deaf))
    except StoreError as error:
        remedy = "see that the server runs, that it can be reached from here, and that it lets this role in"
        findings.append(found("server", str(error), Level.FAIL, remedy))
    return findings


def durability(commits: str, *, syncs: bool) -> Finding:
    """Say what a commit survives."""
    subject = "durability"
    if not syncs:
        detail = "fsync is off: a crash of the machine can destroy the whole database"
        return found(subject, detail, Level.FAIL, "ALTER SYSTEM SET fsync = on; SELECT pg_reload_conf()")
    if commits == "off":
        detail = "synchronous_commit is off: a crash of the server loses jobs that were accepted just before"
        remedy = "ALTER ROLE ... SET synchronous_commit = on for the role of the application"
        return found(subject, detail, Level.WARN, remedy)
    return found(subject, f"accepted jobs are on the server's disk (synchronous_commit is {commits})")


def limits(isolation: str, timeouts: dict[str, int]) -> Finding:
    """Look for settings of the role or the database that break statements off."""
    subject = "limits"
    if isolation != "read committed":
        detail = f"default_transaction_isolation is {isolation!r} here: claims are refused"
        remedy = "ALTER ROLE ... SET default_transaction_isolation = 'read committed' for the role of the application"
        return found(subject, detail, Level.FAIL, remedy)
    short = {name: length for name, length in timeouts.items() if 0 < length < SHORT_MILLISECONDS}
    if not short:
        return found(subject, "no timeout here is so short that it breaks off what only waits its turn")
    detail = ", ".join(f"{name} is {length} ms" for name, length in short.items())
    remedy = "; ".join(f"ALTER ROLE ... SET {name} = '30s'" for name in short)
    return found(subject, f"{detail} here: statements that wait their turn are broken off", Level.WARN, remedy)


def connections(sessions: int, most: int) -> Finding:
    """Look whether others can still connect."""
    detail = f"{sessions} of {most} are taken"
    if sessions < CROWDED * most:
        return found("connections", detail)
    remedy = "raise max_connections, or put a pooler before the server"
    return found("connections", f"{detail}: soon nobody can connect", Level.WARN, remedy)


def notices(hearing: Hearing, *, is_deaf: bool) -> Finding:
    """Say whether notices come."""
    subject, detail = "notices", "what one session tells, another hears"
    if hearing.came and not is_deaf:
        return found(subject, f"{detail}, through a pooler" if hearing.is_pooled else detail)
    if hearing.is_pooled:
        why = "a pooler in between gives the session away after each transaction"
        remedy = "where seconds matter, let workers reach the server itself, or the pooler in session mode"
    else:
        why = hearing.problem or "the connection that listens is dead"
        remedy = "see whether the server allows LISTEN and NOTIFY: it must be the primary"
    return found(subject, f"LISTEN hears nothing: {why}; jobs are found by polling, seconds later", Level.WARN, remedy)


def found(subject: str, detail: str, level: Level = Level.OK, remedy: str = "") -> Finding:
    """Make a finding."""
    return Finding(level=level, subject=subject, detail=detail, remedy=remedy)
