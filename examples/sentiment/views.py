"""The pages, and the two routes for programs."""

from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeAlias
from uuid import UUID

from django.conf import settings  # type: ignore[import-untyped] # it has no types
from django.db import transaction  # type: ignore[import-untyped] # likewise
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse  # type: ignore[import-untyped] # likewise
from django.shortcuts import get_object_or_404, redirect, render  # type: ignore[import-untyped] # likewise
from django.urls import reverse  # type: ignore[import-untyped] # likewise
from django.views.decorators.csrf import csrf_exempt  # type: ignore[import-untyped] # likewise
from django.views.static import serve  # type: ignore[import-untyped] # likewise

from examples.sentiment import rounds
from examples.sentiment.mill import app as mill
from examples.sentiment.models import Fault, Request
from examples.sentiment.progress import document, progress
from examples.sentiment.refusals import Refused, refusal
from examples.sentiment.sample import sample_text
from examples.sentiment.tasks import start_round
from examples.sentiment.tools import TOOLS
from examples.sentiment.uploads import DEFAULT_EMAIL, MOST_LINES, read_upload
from workmill import StoreError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

P = ParamSpec("P")
View: TypeAlias = "Callable[Concatenate[HttpRequest, P], HttpResponse]"
STATIC = Path(__file__).with_name("static")
SAMPLE_LINES = (200, 2000)
SHOWN = 20


def answering(*methods: str) -> "Callable[[View[P]], View[P]]":
    """Let a view answer these methods only, and turn what it refuses into an answer."""

    def around(view: "View[P]") -> "View[P]":
        def answer(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            try:
                if request.method not in methods:
                    raise Refused(405, request.method or "", f"this address takes {' and '.join(methods)}")
                return view(request, *args, **kwargs)
            except Refused as refused:
                return refusal(request, refused, Allow=", ".join(methods))
            except StoreUnavailable as error:
                said = f"the jobs' store does not answer ({error}); try again"
                return refusal(request, Refused(503, "store", said), **{"Retry-After": "1"})

        return answer

    return around


@answering("GET", "HEAD", "POST")
def front(request: HttpRequest) -> HttpResponse:
    """Show the form and the newest requests, or take a file from the form."""
    if request.method == "POST":
        file = request.FILES.get("file")
        if file is None:
            raise Refused(422, "file", "no file came with the form; choose one first")
        return redirect("request", _stored(file.name or "", file.read(), request.POST).id)
    newest = Request.objects.defer("text", "results").order_by("-created_at")[:SHOWN]
    bounds = {"lines": f"{MOST_LINES:,}", "megabytes": settings.LARGEST_FILE // settings.MEGABYTE}
    shown = {
        "newest": newest,
        "bounds": bounds,
        "faults": Fault.choices,
        "samples": [(lines, f"{lines:,}") for lines in SAMPLE_LINES],
    }
    return render(request, "front.html", {**shown, "email": DEFAULT_EMAIL, "tools": TOOLS, **_workers()})


@answering("POST")
def sample(request: HttpRequest) -> HttpResponse:
    """Analyse a text that is made here, for whoever has none at hand."""
    said = request.POST.get("lines", "")
    if said not in map(str, SAMPLE_LINES):
        raise Refused(422, "lines", f"{said[:20]!r} is none; choose one of {', '.join(map(str, SAMPLE_LINES))}")
    made = sample_text(int(said))
    return redirect("request", _stored(f"sample of {int(said):,} lines.txt", made.encode(), request.POST).id)


@csrf_exempt  # type: ignore[untyped-decorator] # a browser lets no foreign page PUT without asking here first
@answering("PUT")
def put_file(request: HttpRequest, name: str) -> HttpResponse:
    """Take a file from a program, as in `curl -T feedback.txt`, and answer the id of its request."""
    made = _stored(name, request.body, request.GET)
    where = reverse("status", args=[made.id])
    said = {"id": str(made.id), "state": made.state, "status": where}
    return JsonResponse(said, status=202, headers={"Location": where})


@answering("GET", "HEAD")
def show(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Show how far the analyses are, and then the results; the page asks for itself again until all is over."""
    asked = get_object_or_404(Request.objects.defer("text"), id=request_id)
    shown = {"asked": asked, "most_tries": rounds.MOST_TRIES, **progress(asked), **_workers()}
    return render(request, "request.html", shown)


@answering("GET", "HEAD")
def status(_request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Answer the same as JSON."""
    return JsonResponse(document(get_object_or_404(Request.objects.defer("text"), id=request_id)))


@answering("POST")
def again(_request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Begin another round of a request that failed; pressed twice, one."""
    asked = get_object_or_404(Request.objects.defer("text"), id=request_id)
    if asked.state != "failure":
        raise Refused(409, "state", f"it is {asked.state}; only what failed can be run again")
    start_round(asked, by_hand=True)
    return redirect("request", asked.id)


@answering("GET", "HEAD")
def static(request: HttpRequest, path: str) -> HttpResponse:
    """Serve the page's own two files."""
    response = serve(request, path, document_root=STATIC)
    response.headers["Cache-Control"] = "max-age=300"
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say what Django refused, such as a host that is not served."""
    said = "this host is not served; use localhost, or name it in SENTIMENT_ALLOWED_HOSTS"
    is_host = type(exception).__name__ == "DisallowedHost"
    return refusal(request, Refused(400, "Host" if is_host else "request", said if is_host else "it is malformed"))


def not_from_here(request: HttpRequest, reason: str) -> HttpResponse:
    """Say that a form did not come from a page of this site, or that the browser keeps no cookies."""
    return refusal(request, Refused(403, "form", f"{reason.rstrip('.')}; load the page again and send it from there"))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say that there is no such page or request."""
    known = "there is no request of this id" if isinstance(exception, Http404) else "there is no such page"
    return refusal(request, Refused(404, request.path, f"{known}; go to the front page"))


def broken(request: HttpRequest) -> HttpResponse:
    """Say that it was not the visitor's fault."""
    return refusal(request, Refused(500, "server", "something failed here; it is in the server's log"))


def _stored(name: str, content: bytes, fields: "Mapping[str, str]") -> Request:
    upload = read_upload(name, content, fields)
    with transaction.atomic():
        made = rounds.store(upload)
        start_round(made)
    return made


def _workers() -> dict[str, list[str]]:
    try:
        return {"workers": sorted(worker.name for worker in mill.workers() if worker.is_live)}
    except StoreError:
        return {"workers": []}
