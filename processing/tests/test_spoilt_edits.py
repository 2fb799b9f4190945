from captions import actions
from captions.models import Publication
from platforms.actions import clear_attention
from platforms.clients.base import Snapshot, StatusSource
from platforms.models import PlatformConnection
from platforms.tests.cast import a_status
from processing.publishing import Result, publish_publication, requests
from processing.publishing.compare import changes
from processing.tests import cast
from processing.tests.publishing_case import PublishingCase


class SpoiltEditTests(PublishingCase):
    """The server did something else than it was asked, or nobody can tell from its answer."""

    def alarmed(self, publication: Publication) -> Publication:
        publication.refresh_from_db()
        self.connection.refresh_from_db()
        self.assertEqual(publication.status, Publication.Status.REFUSED)
        self.assertIn("not as it should be", publication.error)
        self.assertTrue(self.connection.attention)
        return publication

    def test_a_damaging_edit_is_noticed_by_the_next_attempt_when_the_read_back_fails(self) -> None:
        status_id = self.sandbox.add_status(pictures=3)
        self.approved(status_id)
        self.approved(self.sandbox.add_status())
        damaged, other = Publication.objects.order_by("pk")
        self.sandbox.fault("drop_image", method="PUT", path_prefix=f"/api/v1/statuses/{status_id}")
        self.sandbox.fault(503, method="GET", path_prefix=f"/api/v1/statuses/{status_id}", skip=2)
        self.assertEqual(publish_publication(damaged.pk), Result.LATER)
        self.lapse(damaged)

        self.assertEqual(publish_publication(damaged.pk), Result.REFUSED)

        self.alarmed(damaged)
        self.assertEqual(publish_publication(other.pk), Result.NOT_DUE)
        self.assertEqual(self.writes(), 1)

    def test_a_damaging_edit_is_noticed_however_long_it_cannot_be_read_back(self) -> None:
        status_id = self.sandbox.add_status(pictures=3)
        self.approved(status_id)
        publication = cast.only_publication()
        self.sandbox.fault("drop_image", method="PUT", path_prefix=f"/api/v1/statuses/{status_id}")
        self.sandbox.fault("html", method="GET", path_prefix=f"/api/v1/statuses/{status_id}", skip=2, times=None)
        while publish_publication(publication.pk) == Result.LATER:
            self.lapse(publication)
        publication.refresh_from_db()
        self.assertIn("Gave up", publication.error)
        self.assertIn("may be on the server", publication.error)
        self.assertEqual(self.sandbox.edits(status_id), 1)
        self.sandbox.clear_faults()

        requests.retry(publication, user=self.reviewer)
        self.assertEqual(publish_publication(publication.pk), Result.REFUSED)

        self.alarmed(publication)
        self.assertEqual(self.sandbox.edits(status_id), 1)

    def test_an_edit_behind_a_spoilt_answer_is_found_by_reading_back(self) -> None:
        for fault in ("html", "reset"):
            with self.subTest(fault):
                Publication.objects.all().delete()
                status_id = self.sandbox.add_status(pictures=2)
                _post, texts = self.approved(status_id)
                publication = cast.only_publication()
                self.sandbox.fault(fault, method="PUT", path_prefix=f"/api/v1/statuses/{status_id}", after=True)
                if publish_publication(publication.pk) == Result.LATER:
                    self.lapse(publication)
                    self.assertEqual(publish_publication(publication.pk), Result.POSTED)

                self.assertEqual(cast.only_publication().status, Publication.Status.POSTED)
                self.assertEqual(self.alt_texts(status_id), list(texts.values()))
                self.assertEqual(self.sandbox.edits(status_id), 1)

    def test_markup_that_pythons_parser_cannot_take_is_compared_like_any_other(self) -> None:
        for text in (
            "A boat. <![b> A quay.",
            f"A boat &#{'9' * 5000}; and a quay.",
            '<a href="&#99999999999;">A quay.</a>',
        ):
            with self.subTest(text[:20]):
                before = Snapshot(a_status(content=f"<p>{text}</p>"), StatusSource("", ""))
                self.assertEqual(changes(before, before), [])
                after = Snapshot(a_status(content=f"<p>{text} More.</p>"), StatusSource("", ""))
                self.assertEqual([change.field for change in changes(before, after)], ["content"])

    def test_a_half_applied_edit_can_be_undone(self) -> None:
        status_id = self.sandbox.add_status(pictures=2)
        self.approved(status_id)
        publication = cast.only_publication()
        self.sandbox.fault("drop_alt", method="PUT", path_prefix=f"/api/v1/statuses/{status_id}")
        publish_publication(publication.pk)
        self.assertEqual(sum(bool(text) for text in self.alt_texts(status_id)), 1)

        requests.request_undo(self.alarmed(publication), user=self.reviewer)

        self.assertEqual(publish_publication(publication.pk), Result.UNDONE)
        self.assertEqual([text or None for text in self.alt_texts(status_id)], [None, None])

    def test_a_half_applied_edit_can_be_tried_again_and_then_undone_to_the_beginning(self) -> None:
        status_id = self.sandbox.add_status(pictures=2)
        _post, texts = self.approved(status_id)
        publication = cast.only_publication()
        self.sandbox.fault("drop_alt", method="PUT", path_prefix=f"/api/v1/statuses/{status_id}")
        publish_publication(publication.pk)
        self.alarmed(publication)
        clear_attention(self.connection, self.reviewer)

        requests.retry(cast.only_publication(), user=self.reviewer)
        self.assertEqual(publish_publication(publication.pk), Result.POSTED)
        self.assertEqual(self.alt_texts(status_id), list(texts.values()))

        requests.request_undo(cast.only_publication(), user=self.reviewer)
        self.assertEqual(publish_publication(publication.pk), Result.UNDONE)
        self.assertEqual([text or None for text in self.alt_texts(status_id)], [None, None])

    def test_after_an_alarm_a_corrected_text_replaces_our_own(self) -> None:
        status_id = self.sandbox.add_status(pictures=2)
        post, _texts = self.approved(status_id)
        self.sandbox.fault("drop_alt", method="PUT", path_prefix=f"/api/v1/statuses/{status_id}")
        publish_publication(cast.only_publication().pk)
        clear_attention(PlatformConnection.objects.get(), self.reviewer)
        for image in post.images.all():
            actions.reopen(image, user=self.reviewer)
            actions.approve(image, text=f"Corrected {image.attachment_index}.", reviewer=self.reviewer)

        self.assertEqual(publish_publication(Publication.objects.open().get().pk), Result.POSTED)
        self.assertEqual(self.alt_texts(status_id), ["Corrected 0.", "Corrected 1."])

    def test_a_refusal_of_the_server_that_changed_nothing_is_one(self) -> None:
        status_id = self.sandbox.add_status()
        self.approved(status_id)
        self.sandbox.fault(422, method="PUT", path_prefix=f"/api/v1/statuses/{status_id}")

        self.assertEqual(publish_publication(cast.only_publication().pk), Result.REFUSED)
        publication = cast.only_publication()
        self.assertEqual((publication.before, publication.sent_at), (None, None))
        self.assertFalse(PlatformConnection.objects.get().attention)
