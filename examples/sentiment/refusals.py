"""How the application says no: a page for people, JSON for programs; both name the field and the reason."""

from django.http import HttpRequest, HttpResponse, JsonResponse  # type: ignore[import-untyped] # it has no types
from django.shortcuts import render  # type: ignore[import-untyped] # likewise


class Refused(Exception):
    """Answer this request with the status and the reason."""

    def __init__(self, status: int, field: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.field = field
        self.reason = reason


def refusal(request: HttpRequest, refused: Refused, **headers: str) -> HttpResponse:
    """Return the answer of a refusal, in the form that the client can read."""
    if request.method == "PUT" or "application/json" in request.headers.get("Accept", ""):
        said = {"field": refused.field, "reason": refused.reason}
        return JsonResponse(said, status=refused.status, headers=headers)
    response = render(request, "refused.html", {"refused": refused}, status=refused.status)
    for name, value in headers.items():
        response.headers[name] = value
    return response
