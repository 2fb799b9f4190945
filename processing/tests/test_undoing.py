from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditLog
from captions import actions
from captions.models import Image, Publication
from platforms.sandbox.testing import Picture
from processing.publishing import Result, publish_publication, requests
from processing.tests import cast
from processing.tests.publishing_case import TEXT, PublishingCase


class UndoTests(PublishingCase):
    def published(self, *more: Picture, **values: Any) -> tuple[str, Publication]:
        pictures = [Picture(), Picture("Mine."), Picture("🎉"), *more]
        status_id = self.sandbox.add_status(TEXT, pictures=pictures, **values)
        self.approved(status_id)
        publication = cast.only_publication()
        self.assertEqual(publish_publication(publication.pk), Result.POSTED)
        publication.refresh_from_db()
        return status_id, publication

    def test_it_puts_the_alt_texts_back_as_they_were(self) -> None:
        status_id, publication = self.published(spoiler_text="boats", sensitive=True, language="fr")
        requests.request_undo(publication, user=self.reviewer)

        self.assertEqual(publish_publication(publication.pk), Result.UNDONE)

        after = self.sandbox.status(status_id)
        self.assertEqual([text or None for text in self.alt_texts(status_id)], [None, "Mine.", "🎉"])
        self.assertEqual((after["text"], after["spoiler_text"], after["language"]), (TEXT, "boats", "fr"))
        self.assertEqual(publication.post.images.get().status, Image.Status.APPROVED)
        self.assertTrue(AuditLog.objects.filter(action="publication_undone").exists())

    def test_a_text_changed_since_is_left_alone(self) -> None:
        status_id, publication = self.published()
        self.write_by_hand(status_id, {next(iter(publication.texts or {})): "Better."})
        requests.request_undo(publication, user=self.reviewer)

        self.assertEqual(publish_publication(publication.pk), Result.REFUSED)
        publication.refresh_from_db()
        self.assertEqual(publication.status, Publication.Status.POSTED)
        self.assertIn("changed on the server", publication.error)
        self.assertEqual(self.alt_texts(status_id)[0], "Better.")

    def test_what_is_still_ours_is_put_back_beside_a_text_changed_since(self) -> None:
        status_id, publication = self.published(Picture())
        changed, ours = publication.texts or {}
        self.write_by_hand(status_id, {changed: "Better."})
        requests.request_undo(publication, user=self.reviewer)

        self.assertEqual(publish_publication(publication.pk), Result.UNDONE)

        publication.refresh_from_db()
        self.assertIn("changed by somebody since", publication.error)
        self.assertEqual([text or None for text in self.alt_texts(status_id)], ["Better.", "Mine.", "🎉", None])
        statuses = dict(publication.post.images.values_list("image_post_id", "status"))
        self.assertEqual(statuses, {changed: Image.Status.POSTED, ours: Image.Status.APPROVED})

    def test_undoing_one_publication_leaves_the_next_one_of_the_post_alive(self) -> None:
        status_id = self.sandbox.add_status(pictures=2)
        _post, (one, two) = cast.drafted_post(self.connection, self.sandbox, status_id)
        Image.objects.filter(pk=two.pk).update(status=Image.Status.ERROR)
        cast.approve_all([one], self.reviewer)
        first = cast.only_publication()
        publish_publication(first.pk)
        Image.objects.filter(pk=two.pk).update(status=Image.Status.PENDING)
        cast.approve_all([two], self.reviewer)
        second = Publication.objects.exclude(pk=first.pk).get()
        first.refresh_from_db()
        requests.request_undo(first, user=self.reviewer)

        self.assertEqual(publish_publication(first.pk), Result.UNDONE)
        self.assertEqual(publish_publication(second.pk), Result.POSTED)
        self.assertEqual([bool(text) for text in self.alt_texts(status_id)], [False, True])

    def test_an_outsider_may_not_ask_for_it(self) -> None:
        _status_id, publication = self.published()
        with self.assertRaises(requests.RequestRefused):
            requests.request_undo(publication, user=cast.make_user("otto"))

    def test_asking_for_it_reads_no_secret(self) -> None:
        _status_id, publication = self.published()
        with CaptureQueriesContext(connection) as queries:
            requests.request_undo(publication, user=self.reviewer)
        self.assertFalse([one["sql"] for one in queries if "access_token" in one["sql"]])

    def test_what_was_undone_goes_out_again_only_when_it_was_reviewed_again(self) -> None:
        status_id, publication = self.published()
        requests.request_undo(publication, user=self.reviewer)
        publish_publication(publication.pk)
        image = publication.post.images.get()
        with self.assertRaises(actions.DecisionRefused):
            actions.publish_now(publication.post, user=self.reviewer)

        actions.reopen(image, user=self.reviewer)
        actions.approve(image, text="What it really shows.", reviewer=self.reviewer)

        again = Publication.objects.open().get()
        self.assertEqual(publish_publication(again.pk), Result.POSTED)
        self.assertEqual(self.alt_texts(status_id)[0], "What it really shows.")
        self.assertEqual(self.sandbox.edits(status_id), 3)
