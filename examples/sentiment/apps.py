"""The one Django app of this example."""

from django.apps import AppConfig  # type: ignore[import-untyped] # it has no types


class SentimentConfig(AppConfig):  # type: ignore[misc] # its base has no types
    """Names the app by its last part, after which its tables are named."""

    name = "examples.sentiment"
    label = "sentiment"
