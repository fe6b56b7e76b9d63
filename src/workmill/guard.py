"""What every door that listens asks of a request: a host of ours, the right token, no other site behind it."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from enum import StrEnum
from ipaddress import ip_address

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Scope, Send

from workmill import ConfigError, is_loopback

ANY_HOST = "*"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class Reason(StrEnum):
    """Why a request is not let in."""

    MALFORMED = "malformed"
    WRONG_HOST = "wrong-host"
    CROSS_SITE = "cross-site"


class Refused(Exception):
    """A request is not let in.

    Args:
        reason: Which rule it breaks.
        detail: What is wrong here and what to do about it.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Hosts:
    """The names that a server answers for: loopback ones, its own address, and those that it was given.

    A page of another site can point a name of its own at this server, so a name that is not ours is refused.

    Args:
        names: Names, with or without a port. `*` stands for any: for a server behind one that has checked already.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(name.lower() for name in names)

    def check(self, headers: Headers, scope: Scope) -> str:
        """Return the host that a request names.

        Raises:
            Refused: It names none, several, or one that this server does not answer for.
        """
        host = host_of(headers)
        name = without_port(host)
        is_named = ANY_HOST in self._names or host in self._names or name in self._names
        if is_named or is_loopback(name) or _is_own_address(name, scope):
            return host
        detail = f"Host {host!r} is none of this server's names: add it to the hosts that it is started with"
        raise Refused(Reason.WRONG_HOST, detail)


class Token:
    """A secret that requests carry, compared without telling by its time how much of a guess was right.

    Args:
        text: The secret.

    Raises:
        ConfigError: It cannot stand in a header.
    """

    def __init__(self, text: str) -> None:
        if not (text and text.isascii() and text.isprintable() and " " not in text):
            raise ConfigError("the token must be one or more printable ASCII characters without spaces")
        self._digest = _digest(text.encode())

    def matches(self, given: bytes) -> bool:
        """Whether this is the secret."""
        return hmac.compare_digest(_digest(given), self._digest)


def host_of(headers: Headers) -> str:
    """Return the one Host header of a request, in lower case.

    Raises:
        Refused: There is none, or there are several.
    """
    given = headers.getlist("host")
    if len(given) != 1 or not given[0].strip():
        raise Refused(Reason.MALFORMED, "the request needs exactly one Host header")
    return given[0].strip().lower()


def without_port(host: str) -> str:
    """Return the name in a Host header."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host


def check_site(headers: Headers, host: str, *, is_browser: bool = False) -> None:
    """Refuse what a page of another site made a browser send.

    Args:
        headers: The request's.
        host: The host that it names.
        is_browser: Whether only a browser comes here: then one of the headers that every browser sends must be there.
            Else a client that sends neither is taken for none.

    Raises:
        Refused: Another site sent it, or nothing says that none did.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        is_own = site == "same-origin" or (site == "none" and not is_browser)
    elif origin is not None:
        is_own = origin.lower().partition("://")[2] == host
    else:
        is_own = not is_browser
    if not is_own:
        sender = f"a page of another site ({origin or site}) sent this" if origin or site else "no Origin was sent"
        raise Refused(Reason.CROSS_SITE, f"{sender} to {host}")


def check_prefix(prefix: str) -> str:
    """Return the path that an application lives under.

    Raises:
        ConfigError: It cannot be one.
    """
    if prefix and not (prefix.startswith("/") and not prefix.endswith("/")):
        raise ConfigError(f"prefix={prefix!r} must begin with / and not end with one")
    return prefix


def path_within(scope: Scope) -> str:
    """Return a request's path as the application sees it, wherever it is mounted."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def adding(headers: Mapping[str, str], send: Send) -> Send:
    """Send answers with these headers, where they do not say otherwise themselves."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = MutableHeaders(scope=message)
            for name, value in headers.items():
                given.setdefault(name, value)
        await send(message)

    return send_with_headers


def _is_own_address(name: str, scope: Scope) -> bool:
    # Only where both are addresses: a page of another site can point a name of its own here, but not a number.
    server = scope.get("server")
    try:
        return server is not None and ip_address(name.strip("[]")) == ip_address(server[0])
    except ValueError:
        return False


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()
