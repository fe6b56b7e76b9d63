"""The routes. Programs send a file with PUT and read JSON; people use the pages."""

from django.urls import path  # type: ignore[import-untyped] # it has no types

from examples.sentiment import views

urlpatterns = [
    path("", views.front, name="front"),
    path("sample", views.sample, name="sample"),
    path("files/<str:name>", views.put_file, name="file"),
    path("requests/<uuid:request_id>", views.show, name="request"),
    path("requests/<uuid:request_id>/status", views.status, name="status"),
    path("requests/<uuid:request_id>/again", views.again, name="again"),
    path("static/<path:path>", views.static, name="static"),
]
handler400 = "examples.sentiment.views.bad_request"
handler404 = "examples.sentiment.views.not_found"
handler500 = "examples.sentiment.views.broken"
