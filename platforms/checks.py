"""System checks that look at what is stored: `manage.py migrate` and `manage.py check --database default` run them."""

from collections.abc import Sequence
from typing import Any

from django.core import checks
from django.core.checks import CheckMessage, Tags, register
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder

from platforms import rotation

BINDING = ("platforms", "0011_bind_credentials_to_their_rows")


@register(Tags.database)
def credentials_are_bound(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Nothing is said before the migration that binds them has run."""
    if "default" not in (databases or ()):
        return []
    if BINDING not in MigrationRecorder(connections["default"]).applied_migrations():
        return []
    unbound = rotation.survey(lambda _rows: None).unbound
    if not unbound:
        return []
    hint = (
        "If the data of the first Vedfolnir was just brought over, run: manage.py rotate_encryption_key --bind. "
        "Otherwise somebody put them there in the database itself: connect those accounts again."
    )
    message = f"{unbound} stored credentials do not say which connection they belong to, and cannot be used."
    return [checks.Warning(message, hint=hint, id="vedfolnir.W003")]
