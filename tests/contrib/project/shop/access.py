"""A rule of the project's own."""

from django.http import HttpRequest

from workmill.contrib.django import Access


def by_header(request: HttpRequest) -> Access:
    return Access[request.headers.get("role", "none").upper()]
