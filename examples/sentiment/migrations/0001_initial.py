"""The one table there is."""

import uuid
from typing import ClassVar

from django.db import migrations, models  # type: ignore[import-untyped] # it has no types


class Migration(migrations.Migration):  # type: ignore[misc] # its base has no types
    """Make the table of requests."""

    initial = True
    dependencies: ClassVar[list[tuple[str, str]]] = []
    operations: ClassVar = [
        migrations.CreateModel(
            name="Request",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=120)),
                ("text", models.TextField()),
                ("lines", models.PositiveIntegerField()),
                ("email", models.EmailField(max_length=254)),
                ("fault", models.CharField(default="none", max_length=10)),
                ("state", models.CharField(default="unassigned", max_length=10)),
                ("round", models.PositiveIntegerField(default=0)),
                ("tries", models.PositiveIntegerField(default=0)),
                ("flow", models.CharField(blank=True, max_length=36)),
                ("error", models.TextField(blank=True)),
                ("results", models.JSONField(null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("changed_at", models.DateTimeField()),
                ("mailed_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "success"), _negated=True),
                        fields=["changed_at"],
                        name="sentiment_unfinished",
                    ),
                    models.Index(fields=["-created_at"], name="sentiment_newest"),
                ]
            },
        ),
    ]
