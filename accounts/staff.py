"""What the admin classes of all apps share."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from accounts.models import User


def actor(request: HttpRequest) -> User:
    """Who is signed in. The admin lets nobody else this far; raises PermissionDenied if it ever did."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user
