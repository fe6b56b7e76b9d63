"""The dashboard and the API as one view, below whatever path a project includes it at."""

from functools import cache
from http import HTTPStatus
from io import BytesIO
from typing import TYPE_CHECKING

from django.contrib.auth.views import redirect_to_login  # type: ignore[import-untyped] # it has no types
from django.http import HttpRequest, HttpResponse  # type: ignore[import-untyped] # it has no types
from django.views.decorators.csrf import csrf_exempt  # type: ignore[import-untyped] # it has no types

from workmill.contrib.django.rights import access_for
from workmill.contrib.django.settings import application, given
from workmill.contrib.doors import doors
from workmill.contrib.wsgi import ACCESS_KEY, Bridge, access_of
from workmill.dashboard import Access
from workmill.guard import SAFE_METHODS
from workmill.serving import API_PATHS

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


@csrf_exempt  # type: ignore[untyped-decorator] # what changes something must come from a page of the same origin, which the dashboard holds itself
def serve(request: HttpRequest, path: str = "") -> HttpResponse:
    """Answer one request; who has no right yet and asks for a page is sent to log in."""
    level = access_for(request)
    is_page = request.method in SAFE_METHODS and path.partition("/")[0] not in API_PATHS
    if level == Access.NONE and is_page and not _is_known(request):
        return redirect_to_login(request.get_full_path())
    began: list[tuple[str, list[tuple[str, str]]]] = []

    def start(status: str, headers: list[tuple[str, str]], _: object = None, /) -> object:
        began.append((status, headers))
        return None

    body = b"".join(_bridge()({**_environ(request, path), ACCESS_KEY: level}, start))  # type: ignore[arg-type] # nothing writes
    status, headers = began[-1]
    return HttpResponse(body, status=HTTPStatus(int(status[:3])), headers=dict(headers))


@cache
def _bridge() -> Bridge:
    title = given().get("title", "Workmill")
    # Django has checked the host already, by ALLOWED_HOSTS.
    return Bridge(doors(application(), access=access_of, title=title, live="poll"))


def _is_known(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)
    return user is None or bool(user.is_authenticated)


def _environ(request: HttpRequest, path: str) -> "WSGIEnvironment":
    root: str = request.path[: len(request.path) - len(path)].rstrip("/")
    return {
        **{key: value for key, value in request.META.items() if isinstance(value, str)},
        "SCRIPT_NAME": _as_bytes(root),
        "PATH_INFO": _as_bytes(f"/{path}"),
        "SERVER_PROTOCOL": request.META.get("SERVER_PROTOCOL", "HTTP/1.1"),
        "HTTP_HOST": request.get_host(),  # which refuses one that ALLOWED_HOSTS does not name
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.url_scheme": request.scheme,
        "wsgi.input": BytesIO(request.body),
    }


def _as_bytes(text: str) -> str:
    """Write text as WSGI has it: a character for each byte."""
    return text.encode().decode("latin-1")
