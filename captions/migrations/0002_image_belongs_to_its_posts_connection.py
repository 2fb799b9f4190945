from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

NAME = "fk_image_post_connection"
ADD = f"""
ALTER TABLE images ADD CONSTRAINT {NAME}
FOREIGN KEY (post_id, platform_connection_id) REFERENCES posts (id, platform_connection_id)
"""
DROP = {
    "mysql": f"ALTER TABLE images DROP FOREIGN KEY {NAME}",
    "postgresql": f"ALTER TABLE images DROP CONSTRAINT {NAME}",
}


def add(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """SQLite cannot add a constraint to a table; there the actions alone keep the promise."""
    if schema_editor.connection.vendor == "mysql":
        schema_editor.execute(ADD)
    elif schema_editor.connection.vendor == "postgresql":
        # Rows of one transaction may arrive in any order, as with Django's own foreign keys.
        schema_editor.execute(f"{ADD} DEFERRABLE INITIALLY DEFERRED")


def drop(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if sql := DROP.get(schema_editor.connection.vendor):
        schema_editor.execute(sql)


class Migration(migrations.Migration):
    atomic = False  # MySQL cannot roll DDL back
    dependencies = [("captions", "0001_initial")]

    operations = [migrations.RunPython(add, drop)]
