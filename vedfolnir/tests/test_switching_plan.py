"""The menu of accounts stands on every page: with many connections it must not sort them all. By EXPLAIN."""

from unittest import skipUnless

import pytest
from django.contrib.sessions.backends.base import SessionBase
from django.db import connection
from django.test import RequestFactory, TransactionTestCase
from django.test.utils import CaptureQueriesContext

from accounts.roles import Role
from accounts.tests.people import make_user
from platforms.switching import OFFERED, Switcher


@pytest.mark.mariadb
@pytest.mark.slow
@skipUnless(connection.vendor == "mysql", "EXPLAIN is MariaDB's")
class MenuPlanTests(TransactionTestCase):
    def test_what_a_moderator_is_offered_is_read_from_an_index_without_sorting(self) -> None:
        owner = make_user("alice")
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO platform_connections (user_id, name, platform_type, instance_url, username, access_token)"
                " SELECT %s, CONCAT('Connection ', seq), 'mastodon', 'https://social.example', seq, REPEAT('x', 300)"
                " FROM seq_1_to_20000",
                [owner.pk],
            )
            cursor.execute("ANALYZE TABLE platform_connections")
        request = RequestFactory().get("/")
        request.user, request.session = make_user("mod", role=Role.MODERATOR), SessionBase()

        with CaptureQueriesContext(connection) as captured:
            assert len(Switcher(request).offered) == OFFERED

        (query,) = captured.captured_queries
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {query['sql']}")
            names = [column[0] for column in cursor.description]
            (step,) = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        assert step["key"] == "ix_platform_name"
        assert "filesort" not in (step["Extra"] or "")
