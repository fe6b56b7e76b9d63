"""What workers find here by themselves."""

from django.contrib.auth.models import User
from django.db import connection

from workmill.contrib.django import mill


@mill.task
def count_users(extra: int = 0) -> int:
    return User.objects.count() + extra


@mill.task
async def count_users_awaited() -> int:
    return await User.objects.acount()


@mill.task
def outlive_a_connection() -> None:
    connection.ensure_connection()
    connection.close_at = 0.0  # as if it were as old as a connection may be


@mill.task
def is_connected() -> bool:
    return connection.connection is not None
