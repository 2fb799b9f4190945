"""Whether this installation can read the credentials that it holds: asked before the web and the worker start."""

import logging

from django.db import DatabaseError, connection

from platforms.fields import Misplaced, Missing, Unbound, readable
from platforms.models import PlatformConnection

logger = logging.getLogger(__name__)


def require_readable_credentials() -> None:
    """Return when PLATFORM_ENCRYPTION_KEY opens the first stored connection, or nothing is stored yet.

    A database that cannot be asked (not migrated, not up yet) is a warning: /health and every page say so by
    themselves, and each use of a credential checks it again.

    Raises:
        CredentialUnreadable: the key is another one than the credentials were stored with.
    """
    try:
        first = PlatformConnection.objects.order_by("pk").only("access_token", "instance_url").first()
    except DatabaseError:
        logger.warning("The stored credentials were not checked: the database does not answer or is not migrated yet.")
        return
    finally:
        if not connection.in_atomic_block:
            connection.close()  # the server forks or starts threads after this
    if first is None:
        return
    stored = first.access_token
    if isinstance(stored, Misplaced | Missing | Unbound):  # a key opened it; that connection alone is of no use
        logger.warning("Connection %d: %s", first.pk, stored.why)
    else:
        readable(stored)
