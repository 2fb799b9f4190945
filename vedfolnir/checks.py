"""System checks: what the settings cannot judge alone. `manage.py check` shows them with their hints."""

from collections.abc import Sequence
from typing import Any

from django.core import checks
from django.core.checks import CheckMessage, Tags, register
from django.db import connections

from vedfolnir import env


@register()
def replaced_variables(**_: Any) -> list[CheckMessage]:
    return [
        checks.Warning(
            f"{name} is set and not read.", hint=f"Its job is done by {instead}. Unset it.", id="vedfolnir.W001"
        )
        for name, instead in env.replaced_variables().items()
    ]


@register(Tags.database)
def mysql_is_set_up(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """READ COMMITTED, and time zone tables (empty after MariaDB's installation, and date filters fail then)."""
    found: list[CheckMessage] = []
    for alias in databases or ():
        connection = connections[alias]
        if connection.vendor != "mysql":
            continue
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT @@tx_isolation"
                if getattr(connection, "mysql_is_mariadb", False)
                else "SELECT @@transaction_isolation"
            )
            if (level := cursor.fetchone()[0]) != "READ-COMMITTED":
                found.append(
                    checks.Error(f"The database works at {level}.", hint="Set READ COMMITTED.", id="vedfolnir.E001")
                )
            cursor.execute("SELECT CONVERT_TZ('2000-01-01', 'UTC', 'Europe/Berlin')")
            if cursor.fetchone()[0] is None:
                hint = "Load them: mariadb-tzinfo-to-sql /usr/share/zoneinfo | mariadb mysql"
                found.append(checks.Warning("The time zone tables are empty.", hint=hint, id="vedfolnir.W002"))
    return found
