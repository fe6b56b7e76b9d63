"""The dashboard and the API below a path of a host."""

from collections.abc import Iterable

from starlette.applications import Starlette

from workmill import App, ConfigError
from workmill.contrib.doors import doors
from workmill.dashboard.access import AccessRule


def mount(
    api: Starlette,
    mill: App,
    path: str = "/jobs",
    *,
    access: AccessRule | None = None,
    token: str | None = None,
    read_token: str | None = None,
    hosts: Iterable[str] | None = None,
    title: str = "Workmill",
    has_api: bool = True,
) -> None:
    """Mount the dashboard and the HTTP API of an application.

    Example:
        ```python
        api = FastAPI()
        mount(api, mill, "/jobs", access=lambda request: Access.ADMIN if request.user.is_staff else Access.NONE)
        ```

    Args:
        api: The host.
        mill: Whose jobs they show.
        path: Where.
        access: Says of each request what it may do, in place of tokens; may be a coroutine function.
        token: Who has it may do everything: the dashboard's password, and `Authorization: Bearer`.
        read_token: Who has it may look.
        hosts: The host names that are answered for there, beside loopback ones. Without it all of them where `access`
            or a token says who gets in; else none.
        title: What people call this installation.
        has_api: Whether the HTTP API is there beside the dashboard.

    Raises:
        ConfigError: The path or a token cannot be one.
    """
    if not path.startswith("/") or path.endswith("/"):
        raise ConfigError(f"path={path!r} must begin with / and not end with one, such as /jobs")
    given = doors(mill, access=access, token=token, read_token=read_token, hosts=hosts, title=title, has_api=has_api)
    api.mount(path, given, name="workmill")
