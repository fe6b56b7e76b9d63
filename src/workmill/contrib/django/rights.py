"""What a user of Django may do on the dashboard and over the API."""

from typing import TYPE_CHECKING

from django.utils.module_loading import import_string  # type: ignore[import-untyped] # it has no types

from workmill import ConfigError
from workmill.contrib.django.settings import given
from workmill.dashboard import Access

if TYPE_CHECKING:
    from django.http import HttpRequest  # type: ignore[import-untyped] # it has no types

LEVELS = (
    ("workmill.admin", Access.ADMIN),
    ("workmill.operate", Access.OPERATE),
    ("workmill.view", Access.READ),
)
"""What each right allows, the greatest first; a superuser has all rights."""


def access_for(request: "HttpRequest") -> Access:
    """Return what whoever sent a request may do: what `WORKMILL["access"]` says, else what the user's rights say.

    Raises:
        ConfigError: `WORKMILL["access"]` names no function, or one that answers with something else than an `Access`.
    """
    named = given().get("access")
    if named is None:
        user = getattr(request, "user", None)
        return (
            Access.NONE
            if user is None
            else next((level for right, level in LEVELS if user.has_perm(right)), Access.NONE)
        )
    try:
        said = import_string(named)(request)
    except ImportError as error:
        raise ConfigError(f'WORKMILL["access"] is {named!r}, which cannot be imported: {error}') from error
    if not isinstance(said, Access):
        raise ConfigError(f'WORKMILL["access"], {named}, answered {said!r}; let it return an Access')
    return said
