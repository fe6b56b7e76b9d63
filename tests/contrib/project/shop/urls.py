"""The dashboard below a path."""

from django.urls import include, path

urlpatterns = [path("our/jobs/", include("workmill.contrib.django.urls"))]
