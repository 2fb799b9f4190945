"""The audit log: one row for each thing that somebody will ask about later."""

from typing import Any

from django.db import models

from accounts import origin
from accounts.models import AuditLog, User


def record(action: str, *, actor: User | None, entity: models.Model | None = None, **details: Any) -> AuditLog:
    """Add a row to the audit log; `details` must be JSON and hold no secret.

    `actor` is None for what nobody signed in for (a failed sign-in) and for what a command or worker does by itself.
    """
    source = origin.current()
    return AuditLog.objects.create(
        user=actor,
        action=action,
        entity_type=entity._meta.model_name if entity is not None else None,
        entity_id=str(entity.pk) if entity is not None else None,
        details=details or None,
        ip_address=source.ip_address,
        user_agent=source.user_agent,
    )
