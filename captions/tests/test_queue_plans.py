"""With 100,000 images the database finds each page of the queue by an index. By EXPLAIN, not by the clock."""

from collections.abc import Callable
from typing import Any
from unittest import skipUnless

import pytest
from django.db import connection
from django.test import TransactionTestCase
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from accounts.roles import Role
from accounts.tests.people import make_user
from captions import queue
from captions.models import Image
from captions.tests.rows import make_connection
from platforms.models import PlatformConnection

TABLES = {"images", "posts"}
Plan = list[dict[str, Any]]


@pytest.mark.mariadb
@pytest.mark.slow
@skipUnless(connection.vendor == "mysql", "EXPLAIN is MariaDB's")
class QueuePlanTests(TransactionTestCase):
    """Four fifths of the images are one reviewer's own connection's, the rest is spread over 20 of another's."""

    def setUp(self) -> None:
        self.alice, self.bob = make_user("alice"), make_user("bob")
        self.moderator = make_user("mod", role=Role.MODERATOR)
        mine = make_connection(self.alice)
        others = [make_connection(self.bob, f"C{number}") for number in range(20)]
        fill(mine, others[0].pk, len(others))

    def test_every_query_of_every_page_uses_an_index(self) -> None:
        few = User.objects.get(pk=make_user("few").pk)
        PlatformConnection.objects.filter(user=self.bob, name__in=("C0", "C1")).update(user=few)
        for name, user, sorts in (
            ("one connection", self.alice, False),
            ("two connections", few, False),
            ("many connections", self.bob, True),
            ("all of them", self.moderator, False),
        ):
            for state in queue.State:
                for after in ("", self.middle(user, state)):
                    with self.subTest(who=name, state=state.value, after=after):
                        self.client.force_login(user)
                        url = f"/review/?state={state.value}" + (f"&after={after}" if after else "")
                        self.assert_planned(lambda url=url: self.client.get(url), may_sort=sorts)  # type: ignore[misc]

    def test_a_picture_and_the_next_are_found_by_an_index_too(self) -> None:
        for user in (self.alice, self.bob, self.moderator):
            self.client.force_login(user)
            image = (
                Image.objects.awaiting_review().decidable_by(user).in_review_order()[5000 if user != self.bob else 50]
            )
            self.assert_planned(lambda pk=image.pk: self.client.get(f"/review/{pk}/"), may_sort=True)  # type: ignore[misc]
            self.assert_planned(
                lambda pk=image.pk: self.client.get(f"/review/next/?after={pk}"),  # type: ignore[misc]
                may_sort=user == self.bob,
            )

    def test_a_picture_in_error_and_the_next_are_found_by_an_index_too(self) -> None:
        failed = Image.objects.filter(status=Image.Status.ERROR)
        for user in (self.alice, self.bob, self.moderator):
            self.client.force_login(user)
            pk = failed.decidable_by(user).order_by("pk")[50].pk
            self.assert_planned(lambda pk=pk: self.client.get(f"/review/{pk}/"), may_sort=True)  # type: ignore[misc]
            for after in ("", f"&after={pk}"):
                url = f"/review/next/?state=error{after}"
                self.assert_planned(lambda url=url: self.client.get(url), may_sort=user == self.bob)  # type: ignore[misc]

    def test_the_active_connection_of_a_session_is_read_by_an_index_too(self) -> None:
        for user in (self.alice, self.bob, self.moderator):
            self.client.force_login(user)
            active = PlatformConnection.objects.visible_to(user).order_by("pk")[0]
            self.client.post("/platforms/switch/", {"connection": active.pk})
            for url in ("/review/", "/review/?state=posted", "/review/next/", "/", "/tasks/", "/publications/"):
                self.assert_planned(lambda url=url: self.client.get(url), may_sort=False)  # type: ignore[misc]

    def middle(self, user: User, state: queue.State) -> str:
        """A cursor far behind the first page."""
        rows = queue.in_state(state).visible_to(user).order_by("captioned_at", "id")
        return str(queue.Cursor.after(rows[rows.count() // 2]))

    def assert_planned(self, visit: Callable[[], object], *, may_sort: bool) -> None:
        with CaptureQueriesContext(connection) as captured:
            visit()
        self.assertLess(len(captured), 20)
        for query in captured.captured_queries:
            if not query["sql"].startswith(("SELECT", "UPDATE")):
                continue
            for step in explain(query["sql"]):
                if step["table"] in TABLES:
                    self.assertNotIn(step["type"], ("ALL", "index"), (step, query["sql"]))
                    self.assertIsNotNone(step["key"], (step, query["sql"]))
                    if not may_sort:
                        self.assertNotIn("filesort", step["Extra"] or "", (step, query["sql"]))


def explain(sql: str) -> Plan:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql.replace('%', '%%')}", [])
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def fill(mine: PlatformConnection, first_other: int, others: int) -> None:
    """100,000 posts with an image each: half to review, a tenth undrafted, the rest in every other state."""
    with connection.cursor() as cursor:
        cursor.execute(POSTS, [mine.pk, first_other, others])
        cursor.execute(IMAGES)
        for table in ("images", "posts", "platform_connections"):
            cursor.execute(f"ANALYZE TABLE {table}")
            cursor.fetchall()


POSTS = """
INSERT INTO posts (
    id, post_id, user_id, post_url, post_content, platform_connection_id, uri, spoiler_text, edited_at, tags
)
SELECT s.seq, CONCAT('p', s.seq), '1', CONCAT('https://social.example/', s.seq), 'Good morning from the harbour.',
    CASE WHEN s.seq %% 5 THEN %s ELSE %s + s.seq DIV 50 %% %s END, '', '', '', ''
FROM seq_1_to_100000 s
"""
IMAGES = """
INSERT INTO images (
    post_id, image_post_id, image_url, local_path, attachment_index, platform_connection_id, generated_caption, status,
    captioned_at, preview_url, visible_text
)
SELECT p.id, CONCAT('m', p.id), 'https://x.example/', '', 0, p.platform_connection_id, 'A lighthouse on a rock.',
    ELT(1 + p.id DIV 5 % 10, 'pending', 'pending', 'pending', 'pending', 'pending', 'pending', 'approved', 'posted',
        'rejected', 'error'),
    CASE p.id DIV 5 % 10 WHEN 5 THEN NULL WHEN 9 THEN NULL ELSE '2026-11-01' + INTERVAL p.id DIV 3 SECOND END, '', ''
FROM posts p
"""
