"""Who may do what: four levels, and how a request shows which it has."""

import base64
import binascii
import inspect
from collections.abc import Awaitable, Callable
from enum import IntEnum
from typing import Protocol, TypeAlias

from starlette.datastructures import Headers
from starlette.requests import Request

from workmill import ConfigError, is_loopback
from workmill.guard import Token, without_port

PROXY_HEADERS = frozenset({"cf-connecting-ip", "forwarded", "true-client-ip", "via", "x-real-ip"})
"""What proxies add beside `X-Forwarded-…`: whoever sent such a request may sit anywhere."""


class Access(IntEnum):
    """What somebody may do; each level includes those before it.

    Attributes:
        NONE: Nothing, not even look.
        READ: See everything, change nothing.
        OPERATE: Run tasks, cancel and retry jobs, pause queues, start and stop schedules.
        ADMIN: Everything: also purge queues, change limits, make, change and delete schedules, order workers.
    """

    NONE = 0
    READ = 1
    OPERATE = 2
    ADMIN = 3


AccessRule: TypeAlias = Callable[[Request], Access | Awaitable[Access | None] | None]
"""A host's own answer to who a request comes from; None is no access."""


class Gate(Protocol):
    """Tells what a request may do."""

    async def admit(self, request: Request) -> Access:
        """Return the level of whoever sent a request."""
        ...

    @property
    def challenge(self) -> str | None:
        """What a browser is told so that it asks for a password; None where none helps."""
        ...


class HostGate:
    """Asks the host application."""

    challenge = None

    def __init__(self, rule: AccessRule) -> None:
        self._rule = rule

    async def admit(self, request: Request) -> Access:
        """Return what the host says.

        Raises:
            ConfigError: That is no `Access`: a number or a truth is more likely a slip than a right.
        """
        said = self._rule(request)
        level = await said if inspect.isawaitable(said) else said
        if level is None:
            return Access.NONE
        if not isinstance(level, Access):
            raise ConfigError(f"the rule of access answered {level!r}; let it return an Access")
        return level


class TokenGate:
    """Lets in whoever has a token: as a bearer, or as the password of any user in a browser's own dialog."""

    challenge = 'Basic realm="workmill", charset="UTF-8"'

    def __init__(self, token: str | None, read_token: str | None) -> None:
        given = ((token, Access.ADMIN), (read_token, Access.READ))
        self._levels = [(Token(text), level) for text, level in given if text is not None]

    async def admit(self, request: Request) -> Access:
        """Return the level of the token that a request carries."""
        given = secret_of(request.headers)
        if given is None:
            return Access.NONE
        return max((level for token, level in self._levels if token.matches(given)), default=Access.NONE)


class LocalGate:
    """Lets in whoever sits at this machine, where nothing else was said."""

    challenge = None

    async def admit(self, request: Request) -> Access:
        """Return everything for a client on this machine that called it by a name of this machine, else nothing."""
        client, host = request.client, without_port(request.headers.get("host", "").lower())
        is_passed_on = any(name in PROXY_HEADERS or name.startswith("x-forwarded-") for name in request.headers)
        is_local = client is not None and is_loopback(client.host) and is_loopback(host) and not is_passed_on
        return Access.ADMIN if is_local else Access.NONE


def gate_for(rule: AccessRule | None, token: str | None, read_token: str | None) -> Gate:
    """Return what guards a dashboard.

    Raises:
        ConfigError: A token cannot be one.
    """
    if rule is not None:
        return HostGate(rule)
    if token is not None or read_token is not None:
        return TokenGate(token, read_token)
    return LocalGate()


def is_bearer(headers: Headers) -> bool:
    """Whether a request carries what no browser adds by itself."""
    return headers.get("authorization", "").lower().startswith("bearer ")


def secret_of(headers: Headers) -> bytes | None:
    """Return the secret of a Bearer or Basic header; None where there is none that can be read."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    match scheme.lower():
        case "bearer":
            return given.strip().encode("latin-1")
        case "basic":
            return _password(given.strip())
        case _:
            return None


def _password(given: str) -> bytes | None:
    try:
        return base64.b64decode(given.encode("latin-1"), validate=True).partition(b":")[2]
    except binascii.Error:
        return None
