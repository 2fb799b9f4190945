"""A token that may not write holds the account's queue, as a bad token does; a new token settles it."""

from captions.models import Publication
from platforms import actions as platforms
from processing.publishing import Result, publish_publication
from processing.tests.publishing_case import PublishingCase


class MissingPermissionTests(PublishingCase):
    def test_nothing_is_refused_one_by_one_and_a_new_token_settles_it(self) -> None:
        posts = [self.sandbox.add_status(), self.sandbox.add_status()]
        for post in posts:
            self.approved(post)
        first, second = Publication.objects.order_by("pk")
        self.connection.access_token = self.sandbox.issue_token(scopes="read")
        self.connection.save(update_fields=["access_token"])

        self.assertEqual(publish_publication(first.pk), Result.LATER)

        first.refresh_from_db()
        self.connection.refresh_from_db()
        self.assertEqual(first.status, Publication.Status.QUEUED)
        self.assertIn("write:statuses", first.error)
        self.assertIn("write:statuses", self.connection.attention or "")
        self.assertEqual(publish_publication(second.pk), Result.NOT_DUE)

        wish = {"name": self.connection.name, "instance_url": self.sandbox.url, "token": self.sandbox.token}
        platforms.connect(self.reviewer, **wish)
        for publication in (first, second):
            Publication.objects.filter(pk=publication.pk).update(leased_until=None)
            self.assertEqual(publish_publication(publication.pk), Result.POSTED)
        self.assertEqual([self.sandbox.edits(post) for post in posts], [1, 1])
