"""Rights, which Django keeps with a model. There is no table."""

from django.db import models  # type: ignore[import-untyped] # it has no types


class Jobs(models.Model):  # type: ignore[misc] # it has no types
    """What rights are about: the jobs of this project."""

    class Meta:
        """No table, and rights of our own in place of Django's four."""

        managed = False
        default_permissions = ()
        permissions = (
            ("view", "Can look at jobs, queues, schedules and workers"),
            ("operate", "Can run tasks, cancel and retry jobs, pause queues, start and stop schedules"),
            ("admin", "Can do everything, also purge queues and change limits"),
        )
        verbose_name_plural = "jobs"
