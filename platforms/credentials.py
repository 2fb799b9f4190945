"""Whether this installation can read the credentials that it holds: asked before the web and the worker start."""

import logging

from django.db import DatabaseError, connection

from platforms.fields import readable
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
        stored = PlatformConnection.objects.order_by("pk").values_list("access_token", flat=True).first()
    except DatabaseError:
        logger.warning("The stored credentials were not checked: the database does not answer or is not migrated yet.")
        return
    finally:
        if not connection.in_atomic_block:
            connection.close()  # the server forks or starts threads after this
    readable(stored)
