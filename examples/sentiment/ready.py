"""Make Django ready, for whoever imports this before any model: a worker is no Django command."""

import os

import django  # type: ignore[import-untyped] # it has no types
from django.apps import apps  # type: ignore[import-untyped] # likewise

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "examples.sentiment.settings")
if not apps.models_ready:
    django.setup()
