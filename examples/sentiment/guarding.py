"""What holds for every answer: its headers, and a bound for what is asked."""

from collections.abc import Callable
from typing import TypeAlias

from django.conf import settings  # type: ignore[import-untyped] # it has no types
from django.http import HttpRequest, HttpResponse  # type: ignore[import-untyped] # likewise

from examples.sentiment.refusals import Refused, refusal

Answer: TypeAlias = Callable[[HttpRequest], HttpResponse]
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def guarded(answer: Answer) -> Answer:
    """Refuse a body that is too large before anything reads it, and add the headers to every answer."""

    def guard(request: HttpRequest) -> HttpResponse:
        refused = _refused(request)
        response = answer(request) if refused is None else refusal(request, refused)
        for name, value in HEADERS.items():
            response.headers[name] = value
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return guard


def _refused(request: HttpRequest) -> Refused | None:
    length = request.META.get("CONTENT_LENGTH") or ""
    if not length and "HTTP_TRANSFER_ENCODING" in request.META:
        # Some servers hand on such a body without its length, and Django reads none of it.
        return Refused(411, "Content-Length", "it is missing; send a file that has a length, as `curl -T FILE` does")
    if length and not (length.isdecimal() and int(length) <= settings.LARGEST_BODY):
        most = settings.LARGEST_FILE // settings.MEGABYTE
        return Refused(413, "file", f"it is larger than {most} MB; send a part of it")
    return None
