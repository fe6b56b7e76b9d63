"""A request: a text, and how far its analyses are."""

import uuid
from typing import ClassVar

from django.db import models  # type: ignore[import-untyped] # it has no types

LONGEST_NAME = 120


class State(models.TextChoices):  # type: ignore[misc] # its base has no types
    """How a request stands. A failure may become unassigned again, when another round is tried."""

    UNASSIGNED = "unassigned", "No worker has begun it"
    PENDING = "pending", "Workers are at it"
    SUCCESS = "success", "All four analyses have ended well"
    FAILURE = "failure", "An analysis failed"


class Fault(models.TextChoices):  # type: ignore[misc] # its base has no types
    """What a visitor may rehearse, to see what becomes of it. It befalls the AFINN analysis."""

    NONE = "none", "nothing goes wrong"
    HANG = "hang", "it hangs in its first round: the time limit ends it, the manager runs it again"
    CRASH = "crash", "its process is killed once: it begins again by itself"
    BROKEN = "broken", "it fails in every round: the manager gives up after three"


class Request(models.Model):  # type: ignore[misc] # its base has no types
    """A text that somebody wants to have analysed.

    `round` rises with each time that its analyses are started, so that what is left of an earlier round changes
    nothing; `tries` counts those that nobody asked for since a person did. `flow` is the flow of the present round.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=LONGEST_NAME)
    text = models.TextField()
    lines = models.PositiveIntegerField()
    email = models.EmailField()
    fault = models.CharField(max_length=10, default=Fault.NONE)
    state = models.CharField(max_length=10, default=State.UNASSIGNED)
    round = models.PositiveIntegerField(default=0)
    tries = models.PositiveIntegerField(default=0)
    flow = models.CharField(max_length=36, blank=True)
    error = models.TextField(blank=True)
    results = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField()
    mailed_at = models.DateTimeField(null=True)

    class Meta:
        """What the manager looks for, and what the front page shows."""

        app_label = "sentiment"
        indexes: ClassVar = [
            models.Index(fields=["changed_at"], condition=~models.Q(state="success"), name="sentiment_unfinished"),
            models.Index(fields=["-created_at"], name="sentiment_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.state})"
