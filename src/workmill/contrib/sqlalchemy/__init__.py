"""SQLAlchemy: the store in the engine's own database.

Sessions and connections need nothing from here: `task.using(connection=session)` and `current_job.finish_in(session)`
take them as they are.
"""

from workmill.contrib.extras import missing

try:
    from workmill.contrib.sqlalchemy.addresses import store_url
except ModuleNotFoundError as error:
    raise missing("sqlalchemy", error) from error

__all__ = ["store_url"]
