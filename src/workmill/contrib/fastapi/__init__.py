"""FastAPI: the dashboard mounted, a lifespan, and jobs as dependencies; all of it works in Starlette, too."""

from workmill.contrib.extras import missing

try:
    from workmill.contrib.fastapi.jobs import job_of
except ModuleNotFoundError as error:
    raise missing("fastapi", error) from error
from workmill.contrib.fastapi.life import lifespan
from workmill.contrib.fastapi.mounting import mount
from workmill.dashboard import Access

__all__ = ["Access", "job_of", "lifespan", "mount"]
