"""An undo of which something was sent, and nobody could find out yet what became of it."""

from unittest.mock import patch

from django.urls import reverse
from django.utils import timezone

from captions.models import Image, Publication
from platforms import actions as platforms
from platforms.clients.base import PlatformRefused
from platforms.models import AttentionAbout, PlatformConnection
from processing.publishing import Result, leases, publish_publication, requests
from processing.tests import cast
from processing.tests.publishing_case import PublishingCase, own_traffic

Status = Publication.Status


class UndoInDoubtTests(PublishingCase):
    status_id: str

    def setUp(self) -> None:
        super().setUp()
        self.forget_traffic = own_traffic(self)

    def in_doubt(self) -> Publication:
        """The server has undone it; its answer got lost."""
        self.status_id = self.sandbox.add_status("A boat.")
        self.approved(self.status_id)
        publication = cast.only_publication()
        self.assertEqual(publish_publication(publication.pk), Result.POSTED)
        requests.request_undo(publication, user=self.reviewer)
        self.sandbox.fault("reset", method="PUT", path_prefix="/api/v1/statuses/", after=True)
        self.assertEqual(publish_publication(publication.pk), Result.LATER)
        self.assertEqual([text or None for text in self.alt_texts(self.status_id)], [None])
        return self.again(publication)

    def again(self, publication: Publication) -> Publication:
        """Its time has come."""
        self.forget_traffic()
        Publication.objects.update(next_attempt_at=timezone.now())
        PlatformConnection.objects.update(paused_until=None)
        publication.refresh_from_db()
        return publication

    def connect_again(self) -> None:
        token = self.sandbox.issue_token()
        platforms.connect(self.reviewer, name="Sandbox", instance_url=self.sandbox.url, token=token)

    def assert_in_doubt(self, publication: Publication, reason: str) -> None:
        publication.refresh_from_db()
        self.assertEqual(publication.status, Status.UNDOING)
        self.assertIsNotNone(publication.sent_at)
        self.assertIsNotNone(publication.base)
        self.assertIn(reason, publication.error)
        self.assertIn("not known", publication.error)
        self.client.force_login(self.reviewer)
        self.assertContains(self.client.get(reverse("publications:detail", args=[publication.pk])), reason)
        image = publication.post.images.get()
        page = self.client.get(reverse("captions:review", args=[image.pk]))
        self.assertContains(page, reason)
        self.assertNotContains(page, "It is on the server")

    def test_it_waits_for_a_token_that_works_and_then_goes_on(self) -> None:
        publication = self.in_doubt()
        self.sandbox.revoke(self.connection.access_token)

        self.assertEqual(publish_publication(publication.pk), Result.LATER)
        self.assert_in_doubt(publication, "does not accept the access token")
        self.assertEqual(PlatformConnection.objects.get().attention_about, AttentionAbout.CREDENTIALS)
        self.assertEqual(publish_publication(publication.pk), Result.NOT_DUE)

        self.connect_again()
        self.assertEqual(publish_publication(publication.pk), Result.UNDONE)
        self.assertEqual(publication.post.images.get().status, Image.Status.APPROVED)
        self.assertEqual(self.writes(), 2)

    def test_an_undo_that_was_not_begun_waits_for_a_token_that_works_too(self) -> None:
        self.approved(self.sandbox.add_status())
        publication = cast.only_publication()
        publish_publication(publication.pk)
        requests.request_undo(publication, user=self.reviewer)
        self.sandbox.revoke(self.connection.access_token)

        self.assertEqual(publish_publication(publication.pk), Result.LATER)
        publication.refresh_from_db()
        self.assertEqual(publication.status, Status.UNDOING)
        self.assertIn("goes on by itself", publication.error)

        self.connect_again()
        self.assertEqual(publish_publication(publication.pk), Result.UNDONE)

    def test_an_alarm_that_stands_does_not_let_it_ask_with_a_bad_token_in_each_sweep(self) -> None:
        publication = self.in_doubt()
        platforms.raise_attention(self.connection, "Look at this.")
        self.sandbox.revoke(self.connection.access_token)

        self.assertEqual(publish_publication(publication.pk), Result.LATER)
        self.assertEqual(publish_publication(publication.pk), Result.NOT_DUE)
        self.assert_in_doubt(publication, "does not accept the access token")
        self.connect_again()
        self.assertEqual(publish_publication(self.again(publication).pk), Result.UNDONE)

    def test_it_is_not_given_up_however_long_the_server_fails(self) -> None:
        publication = self.in_doubt()
        self.sandbox.fault(503, method="GET", path_prefix="/api/v1/statuses/", times=None)
        for _number in range(leases.FAILURES_MOST + 1):
            self.assertEqual(publish_publication(publication.pk), Result.LATER)
            self.assert_in_doubt(self.again(publication), "is in trouble")
        self.assertGreater(publication.failures, leases.FAILURES_MOST)

        self.sandbox.clear_faults()
        self.assertEqual(publish_publication(publication.pk), Result.UNDONE)

    def test_it_waits_while_the_servers_address_may_not_be_asked(self) -> None:
        publication = self.in_doubt()
        with patch("processing.publishing.looking.look_again", side_effect=PlatformRefused("Not that address.")):
            self.assertEqual(publish_publication(publication.pk), Result.LATER)
        self.assert_in_doubt(publication, "Not that address.")
        self.assertEqual(publish_publication(self.again(publication).pk), Result.UNDONE)

    def test_a_post_that_was_deleted_meanwhile_is_not_called_posted(self) -> None:
        publication = self.in_doubt()
        self.sandbox.delete_status(self.status_id)

        self.assertEqual(publish_publication(publication.pk), Result.REFUSED)

        publication.refresh_from_db()
        self.assertEqual((publication.status, publication.sent_at), (Status.REFUSED, None))
        self.assertIn("not there any more", publication.error)
        self.client.force_login(self.reviewer)
        page = self.client.get(reverse("captions:review", args=[publication.post.images.get().pk]))
        self.assertContains(page, "its undo went wrong")
        self.assertNotContains(page, "It is on the server")
        with self.assertRaises(requests.RequestRefused):
            requests.retry(publication, user=self.reviewer)
        self.assertTrue(requests.can_be_undone(publication))

    def test_an_undo_that_damaged_the_post_is_not_called_posted(self) -> None:
        status_id = self.sandbox.add_status(pictures=2)
        self.approved(status_id)
        publication = cast.only_publication()
        publish_publication(publication.pk)
        requests.request_undo(publication, user=self.reviewer)
        self.sandbox.fault("drop_image", method="PUT", path_prefix=f"/api/v1/statuses/{status_id}")

        self.assertEqual(publish_publication(publication.pk), Result.REFUSED)

        publication.refresh_from_db()
        self.assertEqual(publication.status, Status.REFUSED)
        self.client.force_login(self.reviewer)
        page = self.client.get(reverse("publications:detail", args=[publication.pk]))
        self.assertContains(page, "The undo went wrong")
        self.assertContains(page, "What else is different")
        self.assertNotContains(page, "Try again")

    def test_an_undo_of_which_nothing_was_sent_leaves_the_publication_posted(self) -> None:
        status_id = self.sandbox.add_status()
        self.approved(status_id)
        publication = cast.only_publication()
        publish_publication(publication.pk)
        remote_id = publication.post.images.get().remote_id
        self.write_by_hand(status_id, {remote_id: "Better."})
        requests.request_undo(publication, user=self.reviewer)

        self.assertEqual(publish_publication(publication.pk), Result.REFUSED)
        publication.refresh_from_db()
        self.assertEqual(publication.status, Status.POSTED)
