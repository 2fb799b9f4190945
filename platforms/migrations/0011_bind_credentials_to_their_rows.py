"""Credentials that do not say where they belong are bound to the rows where they lie; from here on others open nowhere.

Backwards they become such again, because older versions would take what is inside a bound one for the secret. What no
key opens, and what belongs elsewhere, stays as it is in both directions.
"""

from collections.abc import Callable
from typing import Any

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from platforms.sealing import Binding, Finding, Place, Sealed, inspect, seal, seal_unbound

TABLE = "platform_connections"
COLUMNS = ("access_token", "client_key", "client_secret", "refresh_token")
BATCH = 100  # rows

Renew = Callable[[Finding, Place], str]


def bind(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    _renew(apps, schema_editor, Binding.UNBOUND, lambda found, place: seal(found.secret, place))


def unbind(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    _renew(apps, schema_editor, Binding.HERE, lambda found, _place: seal_unbound(found.secret))


def _renew(apps: Apps, schema_editor: BaseDatabaseSchemaEditor, binding: Binding, renewed: Renew) -> None:
    using = schema_editor.connection.alias
    rows = apps.get_model("platforms", "PlatformConnection")._base_manager.using(using)
    last = 0
    while batch := list(
        rows.select_for_update().filter(pk__gt=last).order_by("pk").values("pk", "instance_url", *COLUMNS)[:BATCH]
    ):
        last = batch[-1]["pk"]
        for row in batch:
            if changed := _changed(row, binding, renewed):
                rows.filter(pk=row["pk"]).update(**changed)


def _changed(row: dict[str, Any], binding: Binding, renewed: Renew) -> dict[str, Sealed]:
    changed = {}
    for column in COLUMNS:
        if row[column] is None:
            continue
        place = Place(f"{TABLE}.{column}", str(row["pk"]), row["instance_url"])
        found = inspect(row[column].token, place)
        if found.binding is binding:
            changed[column] = Sealed(renewed(found, place))
    return changed


class Migration(migrations.Migration):
    dependencies = [("platforms", "0010_menu_finds_connections_by_name")]

    operations = [migrations.RunPython(bind, unbind)]
