"""The credentials of an account as one value: what is stored of them, and how they are given back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from django.conf import settings
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts.models import User
from platforms.clients import oauth
from platforms.clients.api import Api
from platforms.clients.base import CredentialsRefused, PlatformError
from platforms.clients.families import family
from platforms.clients.oauth import OAuthClient, Tokens
from platforms.fields import CredentialUnreadable, readable
from platforms.models import PlatformApp, PlatformConnection, SignIn
from platforms.traffic import doors
from vedfolnir.lib.outbound import Timeout

RENEW_BEFORE = timedelta(days=7)  # a token ends, or within the last quarter of its life where that is shorter
REVOKING = Timeout(connect=2.0, read=3.0, total=3.0)  # a person waits, and may do it by themselves


class Revoked(StrEnum):
    """What became of an access at its server."""

    DONE = "done"
    NO_CLIENT = "no client"  # the token was pasted: only who made it can end it
    SHARED = "shared"  # the server gave the same token to another connection here
    FAILED = "failed"  # the server cannot do it, or does not answer


@dataclass(frozen=True)
class Grant:
    """A token, and all that came with it; a pasted one comes alone.

    The client stands here as it was when it got the token: platform_apps may know another one by now.
    """

    token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    scopes: str = ""  # separated by spaces; empty: not known
    expires_at: datetime | None = None
    renew_at: datetime | None = None
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    app_id: int | None = None

    @classmethod
    def given(cls, tokens: Tokens, client: OAuthClient, asked: str, app_id: int | None, now: datetime) -> Self:
        """What a server gave to `client`, which asked for those scopes: they are granted where it does not say."""
        expires_at = now + timedelta(seconds=tokens.lasts) if tokens.lasts is not None else None
        return cls(
            token=tokens.access,
            refresh_token=tokens.refresh,
            scopes=asked if tokens.scopes is None else " ".join(tokens.scopes),
            expires_at=expires_at,
            renew_at=renewal(tokens, now),
            client_id=client.id,
            client_secret=client.secret,
            app_id=app_id,
        )

    @classmethod
    def of(cls, connection: PlatformConnection) -> Self:
        """What is stored. Raises CredentialUnreadable."""
        return cls(
            token=readable(connection.access_token),
            refresh_token=readable(connection.refresh_token) or None,
            scopes=connection.scopes,
            expires_at=connection.token_expires_at,
            renew_at=connection.renew_at,
            client_id=readable(connection.client_key) or None,
            client_secret=readable(connection.client_secret) or None,
            app_id=connection.app_id,
        )

    @property
    def client(self) -> OAuthClient | None:
        return OAuthClient(self.client_id, self.client_secret) if self.client_id and self.client_secret else None

    def columns(self) -> dict[str, Any]:
        """As they are stored. Inside the transaction that stores them: the app may be registered anew meanwhile."""
        known = PlatformApp.objects.select_for_update().filter(pk__in=[self.app_id] if self.app_id else [])
        return {
            "access_token": self.token,
            "refresh_token": self.refresh_token,
            "scopes": self.scopes,
            "token_expires_at": self.expires_at,
            "renew_at": self.renew_at,
            "client_key": self.client_id,
            "client_secret": self.client_secret,
            "app_id": known.values_list("pk", flat=True).first(),
        }


def renewal(tokens: Tokens, now: datetime) -> datetime | None:
    """When to renew a token; None where it lives for ever or cannot be renewed."""
    if tokens.lasts is None or tokens.refresh is None:
        return None
    lasts = timedelta(seconds=tokens.lasts)
    return now + lasts - min(RENEW_BEFORE, lasts / 4)


def lacking(needed: Sequence[str], held: PlatformConnection | Grant) -> CredentialsRefused | None:
    """Why what an access allows does not suffice; None where it does, or nobody knows what it allows."""
    missing = oauth.missing(needed, held.scopes.split()) if held.scopes else []
    if not missing:
        return None
    text = _(
        "The access to this account does not include the permission “%(scopes)s”. Sign in again and allow all that is "
        "asked for."
    )
    return CredentialsRefused(text % {"scopes": " ".join(missing)})


def farewell(connection: PlatformConnection, revoked: Revoked, *, reader: User) -> str:
    """What became of the access to an account that was removed here, and what is left to do, and for whom."""
    known = {"host": connection.instance_url.partition("://")[2], "owner": connection.user.username}
    if revoked is Revoked.DONE:
        return _("%(host)s has taken back the access, too.") % known
    if revoked is Revoked.SHARED:
        return _("Another connection here has the same access to this account, so it stays valid.")
    if connection.user_id != reader.pk:
        text = _("The access to it is still valid. Only %(owner)s can take it back, at %(host)s: tell them.")
        return text % known
    where = str(family(connection.platform_type).profile.signing_in.access_page)
    if revoked is Revoked.NO_CLIENT:
        text = _("The access token is still valid: remove it at %(host)s by yourself.")
    else:
        text = _("%(host)s has not taken back the access, which is forgotten here: remove it there by yourself.")
    return " ".join([text % known, *([_("You find it under %(where)s.") % {"where": where}] if where else [])])


@sensitive_variables()
def revoke(instance_url: str, grant: Grant, *, besides: int | None = None) -> Revoked:
    """End an access at its server, if it is nobody else's here; `besides` is the connection that gives it up.

    Asks the server for three seconds at most; never inside a transaction. No error: what cannot be revoked is
    forgotten all the same.
    """
    if grant.client is None:
        return Revoked.NO_CLIENT
    if _is_held(instance_url, grant.token, besides):
        return Revoked.SHARED
    asking = doors.for_person(instance_url)
    try:
        with Api(instance_url, allow=settings.OUTBOUND_ALLOW, timeout=REVOKING, traffic=asking) as api:
            oauth.revoke(api, grant.client, grant.token)
    except PlatformError:
        return Revoked.FAILED
    return Revoked.DONE


@sensitive_variables()
def _is_held(instance_url: str, token: str, besides: int | None) -> bool:
    """Whether another connection has this very token: Mastodon gives the same one to the same client once more."""
    others = PlatformConnection.objects.filter(instance_url=instance_url).exclude(pk__in=[besides] if besides else [])
    return any(holds(other, token) for other in others.only("access_token", "instance_url").iterator())


@sensitive_variables()
def holds(connection: PlatformConnection, token: str) -> bool:
    """Whether `token` is the connection's access token; False where that cannot be read."""
    try:
        return constant_time_compare(readable(connection.access_token), token)
    except CredentialUnreadable:
        return False


def forget_expired_sign_ins() -> None:
    """Remove what people began and did not end."""
    expired = SignIn.objects.expired(timezone.now())
    if expired.exists():
        expired.delete()
