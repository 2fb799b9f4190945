"""How django-allauth signs people in here: by `users` alone, and never locking out the right password."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from accounts import actions, origin
from accounts.models import User


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Accounts are made by an admin: there is no registration yet."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """The address that the rate limits count by; everybody's together where the server knows none."""
        return origin.of_request(request).ip_address or "unknown"

    def pre_login(self, request: HttpRequest, user: User, **_options: Any) -> HttpResponse | None:
        """Right password, but not (any more) let in: say so to the one who knows the password, sign nobody in."""
        if user.is_active and user.is_approved:
            return None
        request.session.flush()
        if user.is_active:
            messages.error(request, _("Your account waits for the approval of an admin."))
        else:
            messages.error(request, _("Your account is switched off. Ask an admin of this installation."))
        return redirect("account_login")

    def set_password(self, user: User, password: str) -> None:
        """What the page "change password" calls."""
        actions.set_password(user, password, actor=user)

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Failures count per name and address, so that nobody elsewhere can lock out the right password.

        allauth's own key is the name alone: five wrong guesses from anywhere would refuse its owner for five minutes.
        """
        name = credentials.get("username") or credentials.get("email") or ""
        return f"{self.get_client_ip(request)} {name.lower()}"


class ApprovedUserBackend(AuthenticationBackend):  # type: ignore[misc]
    """Signs in, and keeps signed in, only people who are active and approved: asked at every request."""

    def user_can_authenticate(self, user: User) -> bool:
        return user.is_active and user.is_approved

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> User | None:
        """By user name or address, whatever its case. Only `users` is asked, not allauth's table of addresses."""
        name, password = credentials.get("username") or credentials.get("email"), credentials.get("password")
        if not name or not password:
            return None
        user = User.objects.by_login(name)
        if user is None:
            User().set_password(password)  # takes as long as a wrong password does
            return None
        if not user.check_password(password):
            return None
        if not self.user_can_authenticate(user):
            self._stash_user(user)  # `pre_login` tells this person why
            return None
        return user
