"""Digests of the addresses of the posts that are there already. It may be stopped at any time and goes on.

Each chunk is a transaction of its own (`bulk_update`), so that no table is locked for long.
"""

import hashlib
from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

CHUNK = 500


def fill(apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    posts = apps.get_model("captions", "Post").objects.using(schema_editor.connection.alias)
    without = posts.filter(uri_digest="").exclude(uri="").order_by("pk")
    latest = 0
    while chunk := list(without.filter(pk__gt=latest).only("pk", "uri")[:CHUNK]):
        for post in chunk:
            post.uri_digest = hashlib.sha256(post.uri.encode()).hexdigest()
        posts.bulk_update(chunk, ["uri_digest"])
        latest = chunk[-1].pk


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("captions", "0006_posts_are_found_by_uri")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
