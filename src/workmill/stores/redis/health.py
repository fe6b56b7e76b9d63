"""What `diagnose` looks at."""

from workmill.store import Finding, Level
from workmill.stores.redis.session import Session
from workmill.words.errors import StoreError


async def diagnose(session: Session, *, is_deaf: bool) -> list[Finding]:
    """See `Store.diagnose`. That the server cannot be asked is a finding, too."""
    try:
        await session.run("now")
    except StoreError as error:
        return [Finding(level=Level.FAIL, subject="server", detail=str(error), remedy="see that the server runs")]
    level = Level.WARN if is_deaf else Level.OK
    return [Finding(level=level, subject="notices", detail="", remedy="")]
