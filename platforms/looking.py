"""Looking again what a server runs: an upgrade may teach it to edit, a move to a fork may make edits harmful."""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from platforms import actions, grants
from platforms.clients.api import Api
from platforms.clients.base import Capabilities, PlatformRefused, PlatformUnavailable
from platforms.clients.detection import Detected, detect
from platforms.clients.families import family
from platforms.models import PlatformConnection
from platforms.speaking import capabilities_for, secrets_of
from platforms.traffic import doors

logger = logging.getLogger(__name__)

VALID = timedelta(days=1)  # how long nothing is asked again before a write; each scan asks


def look_again(connection: PlatformConnection, *, since: datetime) -> None:
    """Ask the server what it runs, unless somebody has asked `since`; store it, and let `connection` hold it.

    Where alt texts can no longer be written, or the access lacks what writing needs by now, the connection needs
    attention. Never inside a transaction: three requests.

    Raises:
        PlatformUnavailable: it does not say now. What was known before stays.
        PlatformRefused: its address may not be asked.
    """
    if connection.detected_at is not None and connection.detected_at >= since:
        return
    before = capabilities_for(connection)
    if _store(connection, _detected(connection)):
        _raise_attention(connection, before)


def _detected(connection: PlatformConnection) -> Detected:
    rates = family(connection.platform_type).profile.rates
    traffic = doors.for_host(connection.instance_url, rates)
    secrets = secrets_of(connection)
    with Api(connection.instance_url, allow=settings.OUTBOUND_ALLOW, traffic=traffic, secrets=secrets) as api:
        try:
            return detect(api)
        except PlatformRefused as error:
            text = _("%(host)s does not say at the moment which software it runs. %(reason)s")
            raise PlatformUnavailable(text % {"host": api.host, "reason": error.reason}) from error


def _store(connection: PlatformConnection, found: Detected) -> bool:
    """Store what was found; False where nothing changed, or another worker has looked meanwhile."""
    facts = {
        "platform_type": found.family,
        "software": found.instance.software,
        "software_version": found.instance.version,
        "alt_text_limit": found.instance.alt_text_limit,
    }
    changed: dict[str, Any] = {name: value for name, value in facts.items() if getattr(connection, name) != value}
    if "platform_type" in changed:
        changed |= actions.FORGET_SCANS  # ids of another kind
    rows = PlatformConnection.objects.filter(pk=connection.pk, detected_at=connection.detected_at)
    values = changed | {"detected_at": timezone.now()}
    with transaction.atomic():
        is_first = rows.update(**values) == 1
        if is_first and changed:
            audit.record("platform_software_changed", actor=None, entity=connection, **facts)
            logger.info(
                "connection %d: its server runs %s %s now",
                connection.pk,
                found.instance.software,
                found.instance.version,
            )
    for name, value in values.items():
        setattr(connection, name, value)
    if "platform_type" in changed:
        connection.refresh_from_db(fields=list(actions.FORGET_SCANS))
    return is_first and bool(changed)


def _raise_attention(connection: PlatformConnection, before: Capabilities) -> None:
    now = capabilities_for(connection)
    if before.can_write and not now.can_write:
        text = _("The server changed, and alt texts cannot be written there any more. %(reason)s")
        actions.raise_attention(connection, text % {"reason": now.reason})
    elif now.can_write and (lack := grants.lacking(now.scopes, connection)):
        actions.raise_attention(connection, lack)
