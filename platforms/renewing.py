"""Renewing tokens that end, before they are used and from time to time; by one worker at a time.

`renew_at` says when; pushing it forward is the lease. Most servers take a refresh token only once, so who comes second
reads what the first one stored.
"""

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from platforms.clients import oauth
from platforms.clients.api import Api
from platforms.clients.base import CredentialsRefused, Instance, PlatformError, PlatformRefused, PlatformUnavailable
from platforms.clients.detection import capabilities_of
from platforms.fields import CredentialUnreadable
from platforms.grants import Grant, holds, lacking, revoke
from platforms.models import PlatformConnection
from platforms.traffic import doors
from vedfolnir.lib.outbound import Timeout

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=1)
LATER = timedelta(minutes=15)  # after a server did not answer
ASKING = Timeout(connect=5.0, read=15.0, total=20.0)  # well within the lease
CREDENTIALS = (
    "access_token",
    "refresh_token",
    "client_key",
    "client_secret",
    "scopes",
    "token_expires_at",
    "renew_at",
    "app",
)


def renew_if_due(connection: PlatformConnection) -> None:
    """Renew the token of `connection` if it is time to; it holds the one that is valid now after that.

    Never inside a transaction. A server that does not answer, or not as a server does, changes nothing while the token
    still lives.

    Raises:
        CredentialsRefused: somebody must sign in again; also where what came allows less than is needed.
        PlatformUnavailable: the token has ended, and was not renewed yet.
    """
    now = timezone.now()
    if connection.renew_at is None:
        return
    if connection.renew_at > now:
        _require_alive(connection, now)
        return
    lease = now + LEASE
    is_ours = PlatformConnection.objects.to_renew(now).filter(pk=connection.pk).update(renew_at=lease) == 1
    _reload(connection)
    if not is_ours:
        _require_alive(connection, now)
        return
    try:
        _renew(connection, lease)
    except CredentialsRefused:
        _settle(connection, lease, None)
        raise
    except PlatformRefused as error:  # it may be in somebody's way for a while, but not longer than the token lives
        if _has_ended(connection, now):
            _settle(connection, lease, None)
            text = _("The access to this account has ended, and its server does not renew it. Sign in again.")
            raise CredentialsRefused(text) from error
        _settle(connection, lease, now + LATER)
        logger.info("The token of connection %d was not renewed: %s", connection.pk, error.reason)
    except PlatformError as error:
        _settle(connection, lease, now + LATER)
        logger.info("The token of connection %d was not renewed: %s", connection.pk, error.reason)
        _require_alive(connection, now, error.reason)
    else:
        _require_no_less(connection)


def _require_no_less(connection: PlatformConnection) -> None:
    """Raises CredentialsRefused where the renewed access, which is stored, lacks something that is needed there."""
    known = Instance(connection.software or "", connection.software_version or "")
    if lack := lacking(capabilities_of(known, connection.platform_type).scopes, connection):
        raise lack


@sensitive_variables()
def _renew(connection: PlatformConnection, lease: datetime) -> None:
    try:
        old = Grant.of(connection)
    except CredentialUnreadable as error:
        raise CredentialsRefused(str(error)) from error
    if old.client is None or old.refresh_token is None:
        raise CredentialsRefused(_("The access to this account ends, and cannot be renewed. Sign in again."))
    with Api(
        connection.instance_url,
        allow=settings.OUTBOUND_ALLOW,
        timeout=ASKING,
        traffic=doors.for_host(connection.instance_url),
    ) as api:
        tokens = oauth.renew(api, old.client, old.refresh_token)
    # A refresh token that is not replaced stays valid (RFC 6749, section 6).
    kept = replace(tokens, refresh=tokens.refresh or old.refresh_token)
    new = Grant.given(kept, old.client, old.scopes, old.app_id, timezone.now())
    with transaction.atomic():
        row = PlatformConnection.objects.select_for_update().filter(pk=connection.pk).first()
        is_stored = row is not None and row.renew_at == lease
        if row is not None and is_stored:
            columns = new.columns()
            for name, value in columns.items():
                setattr(row, name, value)
            row.save(update_fields=[*columns, "updated_at"])
    if not is_stored:  # somebody has signed in again meanwhile, or removed the connection
        revoke(connection.instance_url, new)
    _reload(connection)


@sensitive_variables()
def is_replaced(connection: PlatformConnection, token: str) -> bool:
    """Whether a refusal of `token` says nothing of `connection` any more, for whoever worked with it.

    Another one is stored, it is being renewed at this moment (servers end it before we can store what they gave), or
    the connection is gone. Who tries again gets what is valid then, or a refusal that counts.
    """
    row = PlatformConnection.objects.filter(pk=connection.pk).only("access_token", "instance_url", "renew_at").first()
    if row is None:
        return True
    is_renewed_now = row.renew_at is not None and row.renew_at <= timezone.now() + LEASE
    return is_renewed_now or not holds(row, token)


def _reload(connection: PlatformConnection) -> None:
    """The credentials that are valid now. Raises CredentialsRefused where the connection was removed."""
    try:
        connection.refresh_from_db(fields=CREDENTIALS)
    except PlatformConnection.DoesNotExist as error:
        raise CredentialsRefused(_("This connection was removed meanwhile.")) from error


def _settle(connection: PlatformConnection, lease: datetime, renew_at: datetime | None) -> None:
    PlatformConnection.objects.filter(pk=connection.pk, renew_at=lease).update(renew_at=renew_at)
    connection.renew_at = renew_at


def _require_alive(connection: PlatformConnection, now: datetime, reason: str = "") -> None:
    """Raises PlatformUnavailable for a token that has ended while another worker renews it, or the server does not."""
    if not _has_ended(connection, now):
        return
    _reload(connection)  # it may have been renewed since the row was read
    if _has_ended(connection, now):
        reason = reason or _("The access to this account has ended and is being renewed. Try again later.")
        raise PlatformUnavailable(reason, retry_after=LEASE.total_seconds())


def _has_ended(connection: PlatformConnection, now: datetime) -> bool:
    return connection.token_expires_at is not None and connection.token_expires_at <= now
