"""The whole way on a sandbox of every server family: scan, approve, write, read back, undo; and every way to fail."""

import pytest
from django.utils import timezone

from accounts.models import AuditLog
from captions import actions
from captions.models import CaptionVersion, Image, Post, Publication
from platforms.actions import clear_attention
from platforms.sandbox.testing import Picture
from processing.publishing import Result, leases, publish_publication, requests
from processing.publishing.steps import Step
from processing.tests.families_case import SERVERS, FamilyCase, at, die
from processing.tests.publishing_case import Killed

pytestmark = pytest.mark.once

ALBUM = [Picture(), Picture("An old harbour.", focus="0.5,-0.25"), Picture("🎉"), Picture(focus="-0.1,0.2")]
WHOLE = ["Picture 0: a boat.", "An old harbour.", "Picture 2: a boat.", "Picture 3: a boat."]
BY_MEDIA = ("gotosocial 0.18", "pixelfed", "takahe")
BY_EDIT = ("mastodon", "gotosocial", "pleroma", "snac")


class WholeWayTests(FamilyCase):
    def test_alt_texts_are_written_and_undone_and_nothing_else_changes(self) -> None:
        for server in SERVERS:
            with self.subTest(server):
                self.connect(server)
                status_id, publication = self.approved(
                    text=None, pictures=ALBUM, spoiler_text="boats", sensitive=True, visibility="unlisted"
                )
                before = self.sandbox.status(status_id)

                self.assertEqual(publish_publication(publication.pk), Result.POSTED)
                self.assertEqual(self.alt_texts(status_id), WHOLE)
                self.assert_same_post(before, self.sandbox.status(status_id))
                self.assertEqual(publish_publication(publication.pk), Result.NOT_DUE)

                publication.refresh_from_db()
                requests.request_undo(publication, user=self.reviewer)
                self.assertEqual(publish_publication(publication.pk), Result.UNDONE)
                self.assertEqual(self.alt_texts(status_id), ["", "An old harbour.", "🎉", ""])
                self.assert_same_post(before, self.sandbox.status(status_id))
                self.assertEqual(self.sandbox.edits(status_id), 2 if server in BY_EDIT else 0)
                actors = AuditLog.objects.filter(action__in=("publication_undone", "publication_undo_requested"))
                self.assertEqual(set(actors.values_list("user", flat=True)) - {self.reviewer.pk}, set())

    def assert_same_post(self, before: dict[str, object], after: dict[str, object]) -> None:
        for name in (
            "text",
            "spoiler_text",
            "sensitive",
            "visibility",
            "language",
            "content",
            "uri",
            "tags",
            "mentions",
        ):
            self.assertEqual(after[name], before[name], name)
        self.assertEqual(
            [(one["id"], one["meta"].get("focus")) for one in after["media_attachments"]],  # type: ignore[attr-defined]
            [(one["id"], one["meta"].get("focus")) for one in before["media_attachments"]],  # type: ignore[attr-defined]
        )

    def test_takahe_never_gets_an_edit_of_a_post(self) -> None:
        self.connect("takahe")
        status_id, publication = self.approved(pictures=2, visibility="unlisted")
        publish_publication(publication.pk)
        publication.refresh_from_db()
        requests.request_undo(publication, user=self.reviewer)
        publish_publication(publication.pk)

        self.assertEqual(self.sandbox.status(status_id)["visibility"], "unlisted")
        self.assertEqual(len(self.writes()), 4)
        self.assertFalse([path for path in self.writes() if "/statuses/" in path])

    def test_snac_gives_an_edited_post_another_id_and_it_stays_the_same_row(self) -> None:
        self.connect("snac")
        _status_id, publication = self.approved(pictures=2)
        old = publication.post.post_id
        self.assertEqual(publish_publication(publication.pk), Result.POSTED)
        publication.post.refresh_from_db()
        self.assertNotEqual(publication.post.post_id, old)

        self.scan()

        self.assertEqual(Post.objects.count(), 1)
        self.assertEqual(set(Image.objects.values_list("status", flat=True)), {Image.Status.POSTED})

    def test_normalised_texts_raise_no_alarm(self) -> None:
        for server in SERVERS:
            with self.subTest(server):
                self.connect(server)
                text = "Fish & chips: “5 > 4”\n\nand 'so on' – 100 %"
                _status_id, publication = self.approved(text=lambda _image, text=text: text)  # type: ignore[misc]
                self.assertEqual(publish_publication(publication.pk), Result.POSTED)
                publication.refresh_from_db()
                requests.request_undo(publication, user=self.reviewer)
                self.assertEqual(publish_publication(publication.pk), Result.UNDONE)


class StateTests(FamilyCase):
    """Posts that are not written to: a clear reason, nothing sent, the texts kept."""

    def refused(self, publication: Publication) -> str:
        self.assertEqual(publish_publication(publication.pk), Result.REFUSED)
        publication.refresh_from_db()
        self.assertEqual(publication.status, Publication.Status.REFUSED)
        self.assertEqual(self.writes(), [])
        self.assertIsNone(publication.before)
        self.assertEqual(set(publication.post.images.values_list("status", flat=True)), {Image.Status.APPROVED})
        return publication.error

    def test_a_poll_an_edit_and_a_deletion_are_each_named(self) -> None:
        for server in SERVERS:
            with self.subTest(server):
                self.connect(server)
                if server != "pixelfed":  # it has no polls
                    self.assertIn("poll", self.refused(self.approved(poll=["yes", "no"])[1]))
                status_id, publication = self.approved(text=None)
                self.sandbox.edit_text(status_id, "Other words.")
                self.assertIn("edited after it was reviewed", self.refused(publication))
                status_id, publication = self.approved(text=None)
                self.sandbox.delete_status(status_id)
                self.assertIn("deleted", self.refused(publication))

    def test_a_server_that_is_too_old_gets_nothing_and_the_reason_says_so(self) -> None:
        for server, version in (("mastodon", "4.0.2"), ("pixelfed", "0.11.4"), ("pleroma", "2.4.0"), ("snac", "2.75")):
            with self.subTest(server):
                self.connect(server, version)
                self.assertIn(version, self.refused(self.approved()[1]))


class PartialTests(FamilyCase):
    """Servers that take one request for each picture: some texts are there, others not yet."""

    def test_an_attempt_that_ended_between_two_requests_is_gone_on_with(self) -> None:
        for server in BY_MEDIA:
            self.connect(server)
            for number in (1, 2, 3, 4):
                with self.subTest(server, died_before_request=number):
                    self.forget_traffic()
                    status_id, publication = self.approved(pictures=4)
                    with self.assertRaises(Killed):
                        publish_publication(publication.pk, at_step=at(Step.BEFORE_REQUEST, die, number=number))
                    self.assertEqual(sum(bool(text) for text in self.alt_texts(status_id)), number - 1)
                    self.again(publication)

                    self.assertEqual(publish_publication(publication.pk), Result.POSTED)
                    self.assertEqual(self.sandbox.media_writes(status_id), 4)
                    publication.refresh_from_db()
                    requests.request_undo(publication, user=self.reviewer)
                    self.assertEqual(publish_publication(publication.pk), Result.UNDONE)
                    self.assertEqual(self.alt_texts(status_id), [""] * 4)

    def test_an_undo_that_ended_between_two_requests_is_gone_on_with(self) -> None:
        for server in BY_MEDIA:
            with self.subTest(server):
                self.connect(server)
                status_id, publication = self.approved(pictures=3)
                publish_publication(publication.pk)
                publication.refresh_from_db()
                requests.request_undo(publication, user=self.reviewer)
                with self.assertRaises(Killed):
                    publish_publication(publication.pk, at_step=at(Step.BEFORE_REQUEST, die, number=3))
                self.again(publication)

                self.assertEqual(publish_publication(publication.pk), Result.UNDONE)
                self.assertEqual(self.alt_texts(status_id), [""] * 3)
                self.assertEqual(self.sandbox.media_writes(status_id), 6)

    def test_429_in_the_middle_is_waited_for_as_often_as_it_takes(self) -> None:
        self.connect("pixelfed")
        self.sandbox.set_media_writes_per_minute(2)
        status_id, publication = self.approved(pictures=7)
        results = []
        while (result := publish_publication(publication.pk)) == Result.LATER:
            results.append(result)
            self.assertLess(len(results), 6)
            self.again(publication)
            self.sandbox.set_media_writes_per_minute(2 * len(results) + 2)
        self.assertEqual(result, Result.POSTED)
        self.assertGreater(len(results), 1)
        self.assertEqual(self.sandbox.media_writes(status_id), 7)
        self.connection.refresh_from_db()
        self.assertFalse(self.connection.attention)

    def test_a_refusal_in_the_middle_says_what_is_there_and_offers_undo(self) -> None:
        for server in BY_MEDIA:
            with self.subTest(server):
                self.connect(server)
                status_id, publication = self.approved(pictures=3)
                self.sandbox.fault(422, method="PUT", path_prefix="/api/v1/media", skip=2)

                self.assertEqual(publish_publication(publication.pk), Result.REFUSED)

                publication.refresh_from_db()
                self.connection.refresh_from_db()
                self.assertIn("2 of 3 alt texts are on the server", publication.error)
                self.assertFalse(self.connection.attention)
                self.assertTrue(requests.can_be_undone(publication))
                requests.request_undo(publication, user=self.reviewer)
                self.assertEqual(publish_publication(publication.pk), Result.UNDONE)
                self.assertEqual(self.alt_texts(status_id), [""] * 3)

    def test_an_undo_that_is_refused_in_the_middle_says_so_and_goes_on_when_asked_again(self) -> None:
        for server in BY_MEDIA:
            with self.subTest(server):
                self.connect(server)
                status_id, publication = self.approved(pictures=3)
                publish_publication(publication.pk)
                self.sandbox.fault(422, method="PUT", path_prefix="/api/v1/media", skip=1)
                for result in (Result.REFUSED, Result.UNDONE):
                    publication.refresh_from_db()
                    requests.request_undo(publication, user=self.reviewer)
                    self.assertEqual(publish_publication(publication.pk), result)
                    publication.refresh_from_db()
                    self.assertEqual("1 of 3 alt texts is as before" in publication.error, result == Result.REFUSED)
                self.assertEqual(self.alt_texts(status_id), [""] * 3)

    def test_on_pleroma_a_death_between_the_uploads_and_the_edit_changes_no_post_and_edits_once(self) -> None:
        for number in (2, 3):
            with self.subTest(died_before_request=number):
                self.connect("pleroma")
                status_id, publication = self.approved(pictures=2)
                with self.assertRaises(Killed):
                    publish_publication(publication.pk, at_step=at(Step.BEFORE_REQUEST, die, number=number))
                self.assertEqual(self.alt_texts(status_id), ["", ""])
                self.again(publication)

                self.assertEqual(publish_publication(publication.pk), Result.POSTED)
                self.assertEqual(self.alt_texts(status_id), ["Picture 0: a boat.", "Picture 1: a boat."])
                self.assertEqual((self.sandbox.edits(status_id), self.sandbox.media_writes(status_id)), (1, 2))

    def test_on_pleroma_a_refused_edit_says_that_the_uploads_may_have_the_texts(self) -> None:
        self.connect("pleroma")
        status_id, publication = self.approved(pictures=2)
        self.sandbox.fault(422, method="PUT", path_prefix="/api/v1/statuses")
        self.assertEqual(publish_publication(publication.pk), Result.REFUSED)
        publication.refresh_from_db()
        self.assertIn("the uploads of its pictures may have the new alt texts", publication.error)
        self.assertEqual(self.alt_texts(status_id), ["", ""])

    def test_giving_up_after_a_part_says_so_and_trying_again_goes_on(self) -> None:
        self.connect("takahe")
        status_id, publication = self.approved(pictures=2)
        self.sandbox.fault("reset", method="PUT", path_prefix="/api/v1/media", skip=1, times=None)
        while publish_publication(publication.pk) == Result.LATER:
            self.again(publication)
        publication.refresh_from_db()
        self.assertEqual(publication.status, Publication.Status.REFUSED)
        self.assertIn("may be on the server", publication.error)
        self.assertIsNotNone(publication.before)
        self.sandbox.clear_faults()
        requests.retry(publication, user=self.reviewer)
        self.again(publication)

        self.assertEqual(publish_publication(publication.pk), Result.POSTED)
        self.assertEqual(self.sandbox.media_writes(status_id), 2)

    def test_an_author_who_edits_in_the_middle_is_no_alarm(self) -> None:
        for server in BY_MEDIA:
            with self.subTest(server):
                self.connect(server)
                status_id, publication = self.approved(pictures=2)
                with self.assertRaises(Killed):
                    publish_publication(publication.pk, at_step=at(Step.BEFORE_REQUEST, die, number=2))
                self.sandbox.edit_text(status_id, "The author's new words.")
                self.again(publication)

                self.assertEqual(publish_publication(publication.pk), Result.REFUSED)
                publication.refresh_from_db()
                self.connection.refresh_from_db()
                self.assertIn("edited after it was reviewed", publication.error)
                self.assertIn("1 of 2 alt texts is on the server", publication.error)
                self.assertFalse(self.connection.attention)
                requests.retry(publication, user=self.reviewer)
                self.assertEqual(publish_publication(publication.pk), Result.POSTED)
                self.assertEqual(self.sandbox.status(status_id)["text"], "The author's new words.")

    def test_a_text_that_somebody_else_wrote_in_the_middle_is_an_alarm_or_left_alone_but_never_lost(self) -> None:
        self.connect("takahe")
        status_id, publication = self.approved(pictures=2)
        with self.assertRaises(Killed):
            publish_publication(publication.pk, at_step=at(Step.BEFORE_REQUEST, die, number=2))
        self.sandbox.set_alt(status_id, 1, "By the author.")
        self.again(publication)
        publish_publication(publication.pk)
        self.assertEqual(self.alt_texts(status_id)[1], "By the author.")


class CrashTests(FamilyCase):
    def test_a_worker_that_dies_at_any_step_loses_and_repeats_nothing(self) -> None:
        for server in SERVERS:
            self.connect(server)
            for step in Step:
                with self.subTest(server, step=step):
                    self.forget_traffic()
                    status_id, publication = self.approved(pictures=ALBUM)
                    with self.assertRaises(Killed):
                        publish_publication(publication.pk, at_step=at(step, die))
                    publication.refresh_from_db()
                    if step == Step.SETTLED:
                        self.assertEqual(publication.status, Publication.Status.POSTED)
                        continue
                    self.again(publication)

                    self.assertEqual(publish_publication(publication.pk), Result.POSTED)
                    self.assertEqual(self.alt_texts(status_id), WHOLE)
                    self.assertEqual(self.sandbox.edits(status_id), 1 if server in BY_EDIT else 0)
                    published = CaptionVersion.objects.filter(
                        kind=CaptionVersion.Kind.PUBLISHED, image__post=publication.post
                    )
                    self.assertEqual(published.count(), 3)

    def test_a_worker_that_wakes_past_its_lease_between_two_requests_sends_nothing_more(self) -> None:
        for server in BY_MEDIA:
            with self.subTest(server):
                self.connect(server)
                status_id, publication = self.approved(pictures=3)

                def lapse(pk: int = publication.pk) -> None:
                    Publication.objects.filter(pk=pk).update(leased_until=timezone.now() + leases.REQUEST_LIMIT)

                watch = at(Step.BEFORE_REQUEST, lapse, number=2)
                self.assertEqual(publish_publication(publication.pk, at_step=watch), Result.LEASE_LOST)
                self.assertEqual(self.sandbox.media_writes(status_id), 1)
                self.again(publication)
                self.assertEqual(publish_publication(publication.pk), Result.POSTED)
                self.assertEqual(self.sandbox.media_writes(status_id), 3)

    def test_each_request_begins_the_lease_anew(self) -> None:
        self.connect("takahe")
        _status_id, publication = self.approved(pictures=3)
        left = []

        def look(step: Step) -> None:
            rows = Publication.objects.filter(pk=publication.pk)
            if step == Step.WRITTEN:
                left.append(rows.get().leased_until)
            elif step == Step.BEFORE_REQUEST:
                rows.update(leased_until=timezone.now() + 3 * leases.REQUEST_LIMIT)

        self.assertEqual(publish_publication(publication.pk, at_step=look), Result.POSTED)
        self.assertGreater(left[0] or timezone.now(), timezone.now() + leases.LEASE - leases.REQUEST_LIMIT)


class PassingTroubleTests(FamilyCase):
    def test_a_404_in_passing_is_no_deletion_once_something_was_sent(self) -> None:
        """As snac 2.96 gives under load."""
        for method, skip in (("PUT", 0), ("GET", 2)):
            with self.subTest(method):
                self.connect("snac")
                status_id, publication = self.approved()
                self.sandbox.fault(404, method=method, path_prefix="/api/v1/statuses/", skip=skip)
                self.assertEqual(publish_publication(publication.pk), Result.LATER)
                self.again(publication)
                self.assertEqual(publish_publication(publication.pk), Result.POSTED)
                self.assertEqual(self.sandbox.edits(status_id), 1)

    def test_a_post_deleted_after_it_was_written_to_is_gone(self) -> None:
        for server in SERVERS:
            with self.subTest(server):
                self.connect(server)
                status_id, publication = self.approved()
                watch = at(Step.WRITTEN, lambda: self.sandbox.delete_status(status_id))  # noqa: B023
                self.assertEqual(publish_publication(publication.pk, at_step=watch), Result.LATER)
                self.again(publication)
                self.assertEqual(publish_publication(publication.pk), Result.REFUSED)
                publication.refresh_from_db()
                self.assertIn("deleted", publication.error)


class ApprovedMeanwhileTests(FamilyCase):
    def test_a_picture_approved_while_a_write_went_wrong_is_not_forgotten_by_its_undo(self) -> None:
        for server in ("mastodon", "takahe"):
            with self.subTest(server):
                self.connect(server)
                status_id, post = self.scanned(pictures=2)
                first, second = post.images.order_by("pk")
                actions.approve(first, text="A boat.", reviewer=self.reviewer)
                publication = actions.publish_now(post, user=self.reviewer)
                self.sandbox.fault("drop_alt", method="PUT")
                meanwhile = at(Step.WRITTEN, lambda: actions.approve(second, text="A pier.", reviewer=self.reviewer))  # noqa: B023
                self.assertEqual(publish_publication(publication.pk, at_step=meanwhile), Result.LATER)
                self.again(publication)
                self.assertEqual(publish_publication(publication.pk), Result.REFUSED)
                publication.refresh_from_db()
                requests.request_undo(publication, user=self.reviewer)
                self.assertEqual(publish_publication(publication.pk), Result.UNDONE)

                later = Publication.objects.open().get(post=post)
                clear_attention(self.connection, self.reviewer)
                result = publish_publication(later.pk)
                later.refresh_from_db()
                if result == Result.REFUSED:  # where ours was an edit, the post is not what the reviewer saw
                    self.assertIn("edited after it was reviewed", later.error)
                    requests.retry(later, user=self.reviewer)
                    result = publish_publication(later.pk)
                self.assertEqual(result, Result.POSTED)
                self.assertEqual(self.alt_texts(status_id), ["", "A pier."])


class LieTests(FamilyCase):
    def test_snac_2_75_says_yes_and_changes_nothing_and_nobody_says_posted(self) -> None:
        self.connect("snac", "2.75", software_version="2.96")  # as if the version gate did not exist
        status_id, publication = self.approved(pictures=2)

        self.assertEqual(publish_publication(publication.pk), Result.REFUSED)

        self.assertEqual(len(self.writes()), 1)
        self.assertEqual(self.alt_texts(status_id), ["", ""])
        publication.refresh_from_db()
        self.connection.refresh_from_db()
        self.assertIn("does not have the alt text that was written", publication.error)
        self.assertTrue(self.connection.attention)
        self.assertFalse(Image.objects.filter(status=Image.Status.POSTED).exists())
        requests.request_undo(publication, user=self.reviewer)
        self.assertEqual(publish_publication(publication.pk), Result.UNDONE)
        self.assertEqual(len(self.writes()), 1)

    def test_snac_2_75_makes_an_unlisted_post_public_and_the_alarm_names_it(self) -> None:
        self.connect("snac", "2.75", software_version="2.96")
        _status_id, publication = self.approved(visibility="unlisted")
        publish_publication(publication.pk)
        publication.refresh_from_db()
        self.assertIn("visibility", publication.error)
        clear_attention(self.connection, self.reviewer)
