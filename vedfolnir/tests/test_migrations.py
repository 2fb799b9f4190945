"""Our migrations run forward, backward and forward again, on whatever database the run is on."""

from io import StringIO

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

OUR_APPS = ("accounts", "platforms", "captions", "processing")


def shape() -> dict[str, set[str]]:
    """The columns, indexes and constraints of every table of ours."""
    found = {}
    with connection.cursor() as cursor:
        existing = set(connection.introspection.table_names(cursor))
        for app in OUR_APPS:
            for model in apps.get_app_config(app).get_models(include_auto_created=True):
                table = model._meta.db_table
                if table in existing:
                    columns = {field.name for field in connection.introspection.get_table_description(cursor, table)}
                    constraints = connection.introspection.get_constraints(cursor, table).values()
                    found[table] = columns | {
                        f"{sorted(kind for kind in ('primary_key', 'unique', 'index', 'check') if part[kind])} "
                        f"{part['columns']} {part['foreign_key']}"
                        for part in constraints
                    }
    return found


def migrate(*targets: tuple[str, str | None]) -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(list(targets) or executor.loader.graph.leaf_nodes())


@pytest.mark.django_db(transaction=True)
def test_migrations_go_back_to_nothing_and_come_again() -> None:
    before = shape()
    assert set(before) >= {"users", "user_sessions", "platform_connections", "posts", "images", "audit_logs"}
    try:
        migrate(*((app, None) for app in OUR_APPS))
        assert shape() == {}
    finally:
        migrate()
    assert shape() == before


@pytest.mark.django_db
def test_no_model_is_without_its_migration() -> None:
    call_command("makemigrations", check=True, dry_run=True, stdout=StringIO())
