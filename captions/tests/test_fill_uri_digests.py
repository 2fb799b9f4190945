from importlib import import_module
from typing import Any
from unittest.mock import patch

from django.apps import apps
from django.db import connection
from django.db.models import QuerySet
from django.test import TransactionTestCase

from accounts.tests.people import make_user
from captions.models import Post
from captions.tests.rows import make_connection, make_post

migration = import_module("captions.migrations.0007_fill_uri_digests")


class FillTests(TransactionTestCase):
    def test_what_is_filled_stays_when_the_migration_is_stopped_and_the_next_run_goes_on(self) -> None:
        account = make_connection(make_user("alice"))
        for number in range(3):
            make_post(account, post_id=str(number), uri=f"https://social.example/{number}", uri_digest="")
        real = QuerySet.bulk_update
        done: list[int] = []

        def stopped(rows: Any, *args: Any) -> int:
            if len(done) == 2:
                raise KeyboardInterrupt
            done.append(1)
            return real(rows, *args)

        with (
            patch.object(migration, "CHUNK", 1),
            patch.object(QuerySet, "bulk_update", stopped),
            self.assertRaises(KeyboardInterrupt),
        ):
            self.fill()
        assert Post.objects.filter(uri_digest="").count() == 1

        self.fill()
        assert not Post.objects.filter(uri_digest="").exists()

    def fill(self) -> None:
        """As `migrate` does it."""
        with connection.schema_editor(atomic=migration.Migration.atomic) as editor:
            migration.fill(apps, editor)
