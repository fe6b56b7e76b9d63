"""The route table: each path and method with what it needs, and addresses made of it."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response

from workmill.dashboard.access import Access
from workmill.guard import SAFE_METHODS

if TYPE_CHECKING:
    from workmill.dashboard.door import Door

Handler: TypeAlias = "Callable[[Request, Door], Awaitable[Response]]"
QueryValue: TypeAlias = str | int | Iterable[str] | None

_HOLE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method of one path.

    Attributes:
        path: Such as `/jobs/{id}`; a hole takes one segment.
        name: What addresses are made by. A GET and a POST of one path may share it.
        needs: The least level that may come here.
    """

    method: str
    path: str
    name: str
    needs: Access
    handler: Handler
    pattern: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.method not in SAFE_METHODS and self.needs < Access.OPERATE:
            raise ValueError(f"{self.method} {self.path} changes something: it needs OPERATE or ADMIN")
        parts = _HOLE.split(self.path)
        text = "".join(f"(?P<{part}>[^/]+)" if at % 2 else re.escape(part) for at, part in enumerate(parts))
        object.__setattr__(self, "pattern", re.compile(text))

    def address(self, holes: Mapping[str, str]) -> str:
        """Return the path with its holes filled."""
        return _HOLE.sub(lambda hole: quote(str(holes[hole[1]]), safe=""), self.path)


class Table:
    """All routes.

    Args:
        routes: Each method of each path once; the first that matches is taken.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._named: dict[str, Route] = {}
        for route in reversed(self.routes):
            self._named[route.name] = route

    def __contains__(self, name: str) -> bool:
        """Whether there is a route of this name."""
        return name in self._named

    def find(self, method: str, path: str) -> tuple[Route | None, dict[str, str], tuple[str, ...]]:
        """Return the route of a request, what fills its holes, and which methods the path has. HEAD is taken as GET."""
        wanted = "GET" if method == "HEAD" else method
        allowed: list[str] = []
        for route in self.routes:
            match = route.pattern.fullmatch(path)
            if match is None:
                continue
            if route.method == wanted:
                return route, match.groupdict(), ()
            allowed.append(route.method)
        return None, {}, tuple(dict.fromkeys(allowed))

    def address(self, name: str, holes: Mapping[str, str], query: Mapping[str, QueryValue] | None) -> str:
        """Return where the route of a name is; parameters that are None or empty are left out."""
        path = self._named[name].address(holes)
        asked = _query(query or {})
        return f"{path}?{asked}" if asked else path


def _query(given: Mapping[str, QueryValue]) -> str:
    pairs: list[tuple[str, str]] = []
    for name, value in given.items():
        if value is None or value == "":
            continue
        values = [str(value)] if isinstance(value, str | int) else [str(each) for each in value]
        pairs += [(name, each) for each in values]
    return urlencode(pairs)
