"""Django's own sign-in signals write the audit log, so that every door does: the page's and the command line's."""

from typing import Any

from django.contrib.auth import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver

from accounts import audit
from accounts.models import User


@receiver(user_logged_in)
def signed_in(sender: Any, user: User, **_: Any) -> None:
    audit.record("signed_in", actor=user, entity=user)


@receiver(user_logged_out)
def signed_out(sender: Any, user: User | None, **_: Any) -> None:
    if user is not None:
        audit.record("signed_out", actor=user, entity=user)


@receiver(user_login_failed)
def sign_in_failed(sender: Any, credentials: dict[str, Any], **_: Any) -> None:
    known = User.objects.by_login(credentials.get("username") or credentials.get("email") or "")
    # The name as typed may be a password in the wrong box: only a known account is named.
    audit.record("sign_in_failed", actor=None, entity=known)
