"""Styles and scripts: served from memory under the hash of all of them, so that a browser may keep them for ever.

htmx and its extension for server-sent events are not ours: a built wheel has them in `static/vendor`, a checkout in an
installed package. Without them pages work as before, only not live.
"""

import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

KINDS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
DIGITS = 12
HTMX = {"htmx-4.min.js": "htmx-4.min.js", "hx-sse-4.min.js": "ext/hx-sse-4.min.js"}
"""The files of htmx that pages need, and where its package has them."""
FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Static:
    """One file, as it is and packed."""

    kind: str
    content: bytes
    packed: bytes


class Statics:
    """The files of the package's folder `static`, and those of htmx where they are.

    Attributes:
        digest: Changes with any of them.
        has_htmx: Whether pages can be live.
    """

    def __init__(self) -> None:
        self._files = _read()
        contents = b"".join(name.encode() + file.content for name, file in sorted(self._files.items()))
        self.has_htmx = all(name in self._files for name in HTMX)
        self.digest = hashlib.sha256(contents).hexdigest()[:DIGITS]

    def answer(self, request: Request) -> Response:
        """Return a file.

        Raises:
            HTTPException: There is none of this name, or it is another version's.
        """
        file = self._files.get(request.path_params["name"])
        if file is None or request.path_params["digest"] != self.digest:
            raise HTTPException(404)
        headers = {"Cache-Control": FOREVER, "Vary": "Accept-Encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(file.packed, headers={**headers, "Content-Encoding": "gzip"}, media_type=file.kind)
        return Response(file.content, headers=headers, media_type=file.kind)


@cache
def _read() -> dict[str, Static]:
    read: dict[str, Static] = {}
    for name, content in _contents():
        kind = KINDS.get(name[name.rfind(".") :])
        if kind is not None:
            read[name] = Static(kind=kind, content=content, packed=gzip.compress(content, mtime=0))
    return read


def _contents() -> Iterator[tuple[str, bytes]]:
    own = files("workmill.dashboard").joinpath("static")
    for file in own.iterdir():
        if file.is_file():
            yield file.name, file.read_bytes()
    vendor = own.joinpath("vendor")
    for name, source in HTMX.items():
        built, installed = vendor.joinpath(name), _installed(source)
        if built.is_file():
            yield name, built.read_bytes()
        elif installed is not None:
            yield name, installed.read_bytes()


def _installed(source: str) -> Path | None:
    spec = find_spec("django_htmx")  # found, not imported: of that package only these files are wanted
    folders = [] if spec is None else spec.submodule_search_locations or []
    paths = [Path(folder, "static", "django_htmx", source) for folder in folders]
    return next((path for path in paths if path.is_file()), None)
