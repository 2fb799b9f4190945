from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from django.http import HttpRequest

from accounts.models import User


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Accounts are made by an admin: there is no registration yet."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False


class ApprovedUserBackend(AuthenticationBackend):  # type: ignore[misc]
    """Signs in, and keeps signed in, only people who are active and approved: asked at every request."""

    def user_can_authenticate(self, user: User) -> bool:
        return user.is_active and user.is_approved
