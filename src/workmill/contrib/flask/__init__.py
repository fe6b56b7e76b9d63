"""Flask: an extension that mounts the dashboard and gives tasks the application's context."""

from workmill.contrib.extras import missing

try:
    from workmill.contrib.flask.extension import Workmill
except ModuleNotFoundError as error:
    raise missing("flask", error) from error
from workmill.dashboard import Access

__all__ = ["Access", "Workmill"]
