"""What `include("workmill.contrib.django.urls")` brings."""

from django.urls import path, re_path  # type: ignore[import-untyped] # it has no types

from workmill.contrib.django.views import serve

app_name = "workmill"
urlpatterns = [path("", serve, name="dashboard"), re_path(r"^(?P<path>.+)$", serve, name="page")]
