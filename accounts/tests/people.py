"""The cast of the tests."""

from typing import Any

from accounts.models import User
from accounts.roles import Role

PASSWORD = "correct horse battery staple"


def make_user(username: str = "alice", *, role: str = Role.REVIEWER, **fields: Any) -> User:
    """An approved person who signs in with `PASSWORD`."""
    return User.objects.create_user(
        username, f"{username}@example.org", PASSWORD, role=role, **{"is_approved": True, **fields}
    )
