"""The author of a post edits it in another client while we write to it: the server's history tells that from damage."""

from unittest.mock import patch

from captions.models import CaptionVersion, Image, Post, Publication
from platforms.sandbox.testing import Picture
from platforms.speaking import client_for
from processing.publishing import Result, publish_publication, requests
from processing.publishing.steps import Step
from processing.tests.families_case import SERVERS, FamilyCase, at, die
from processing.tests.publishing_case import Closing, Killed

WITH_HISTORY = ("mastodon", "gotosocial", "pleroma")
WORDS = "What the author really meant."


@patch("processing.publishing.attempt.FRESH", -1.0)
class SlowServerTests(FamilyCase):
    """Where the requests before took their time, the post is looked at once more before each that changes it."""

    def test_an_edit_meanwhile_is_not_taken_back(self) -> None:
        for server in (*WITH_HISTORY, "snac"):
            with self.subTest(server):
                self.connect(server)
                status_id, publication = self.approved(pictures=2)
                watch = at(Step.BEFORE_REQUEST, lambda: self.sandbox.edit_text(status_id, WORDS))  # noqa: B023
                self.assertEqual(publish_publication(publication.pk, at_step=watch), Result.LATER)
                self.assertEqual(self.writes(), [])
                self.again(publication)
                self.assertEqual(publish_publication(publication.pk), Result.REFUSED)
                publication.refresh_from_db()
                self.assertIn("edited after it was reviewed", publication.error)
                self.assertEqual(self.sandbox.status(status_id)["text"], WORDS)

    def test_an_alt_text_meanwhile_is_not_written_over(self) -> None:
        for server in ("gotosocial 0.18", "pixelfed", "takahe"):
            for number in (1, 2, 3):
                with self.subTest(server, before_request=number):
                    self.connect(server)
                    status_id, publication = self.approved(pictures=3)

                    def write(status_id: str = status_id, number: int = number, server: str = server) -> None:
                        self.sandbox.set_alt(status_id, number - 1, "By the author.")
                        if server == "pixelfed":  # it answers from a cache, which an edit empties
                            self.sandbox.edit_text(status_id, self.sandbox.status(status_id)["text"])

                    watch = at(Step.BEFORE_REQUEST, write, number=number)
                    self.assertEqual(publish_publication(publication.pk, at_step=watch), Result.LATER)
                    self.again(publication)
                    publish_publication(publication.pk)
                    self.assertEqual(self.alt_texts(status_id)[number - 1], "By the author.")

    def test_what_is_as_it_was_is_written(self) -> None:
        for server in SERVERS:
            with self.subTest(server):
                self.connect(server)
                _status_id, publication = self.approved(pictures=3)
                self.assertEqual(publish_publication(publication.pk), Result.POSTED)


class AuthorTests(FamilyCase):
    def ends(self, publication: Publication, status: str, *, alarm: bool) -> Publication:
        publication.refresh_from_db()
        self.connection.refresh_from_db()
        self.assertEqual(publication.status, status, publication.error)
        self.assertEqual(bool(self.connection.attention), alarm)
        return publication

    def test_an_edit_that_ours_took_back_is_an_alarm_that_gives_its_words(self) -> None:
        for server in WITH_HISTORY:
            with self.subTest(server):
                self.connect(server)
                status_id, publication = self.approved(pictures=2)
                watch = at(Step.BEFORE_REQUEST, lambda: self.sandbox.edit_text(status_id, WORDS))  # noqa: B023

                self.assertEqual(publish_publication(publication.pk, at_step=watch), Result.REFUSED)

                self.ends(publication, Publication.Status.REFUSED, alarm=True)
                self.assertIn(f"It read: “{WORDS}”", publication.error)
                requests.request_undo(publication, user=self.reviewer)
                self.assertEqual(publish_publication(publication.pk), Result.UNDONE)

    def test_the_same_is_found_when_the_worker_died_after_its_edit(self) -> None:
        for server in WITH_HISTORY:
            with self.subTest(server):
                self.connect(server)
                status_id, publication = self.approved()

                def watch(step: Step, status_id: str = status_id) -> None:
                    if step == Step.BEFORE_REQUEST:
                        self.sandbox.edit_text(status_id, WORDS)
                    elif step == Step.WRITTEN:
                        die()

                with self.assertRaises(Killed):
                    publish_publication(publication.pk, at_step=watch)
                self.again(publication)
                self.assertEqual(publish_publication(publication.pk), Result.REFUSED)
                self.ends(publication, Publication.Status.REFUSED, alarm=True)
                self.assertIn(WORDS, publication.error)

    def test_an_edit_after_ours_is_no_damage(self) -> None:
        for server in WITH_HISTORY:
            for died in (False, True):
                with self.subTest(server, died=died):
                    self.connect(server)
                    status_id, publication = self.approved(pictures=2)
                    if died:
                        with self.assertRaises(Killed):
                            publish_publication(publication.pk, at_step=at(Step.WRITTEN, die))
                        self.sandbox.edit_text(status_id, WORDS)
                        self.again(publication)
                        self.assertEqual(publish_publication(publication.pk), Result.POSTED)
                    else:
                        watch = at(Step.WRITTEN, lambda: self.sandbox.edit_text(status_id, WORDS))  # noqa: B023
                        self.assertEqual(publish_publication(publication.pk, at_step=watch), Result.POSTED)

                    self.ends(publication, Publication.Status.POSTED, alarm=False)
                    self.assertIn("afterwards somebody edited the post", publication.error)
                    self.assertEqual(self.sandbox.edits(status_id), 2)
                    self.assertEqual(self.sandbox.status(status_id)["text"], WORDS)
                    self.assertEqual(Post.objects.get().post_content, WORDS)

    def test_an_edit_while_ours_never_arrived_asks_for_another_look(self) -> None:
        for server in WITH_HISTORY:
            with self.subTest(server):
                self.connect(server)
                status_id, publication = self.approved()
                with self.assertRaises(Killed):
                    publish_publication(publication.pk, at_step=at(Step.KEPT, die))
                self.sandbox.edit_text(status_id, WORDS)
                self.again(publication)

                self.assertEqual(publish_publication(publication.pk), Result.REFUSED)
                self.ends(publication, Publication.Status.REFUSED, alarm=False)
                self.assertIn("edited after it was reviewed", publication.error)
                self.assertEqual((publication.before, self.writes()), (None, []))

    def test_an_alt_text_that_the_author_put_in_place_of_ours_is_kept_and_known(self) -> None:
        self.connect("mastodon")
        status_id, publication = self.approved(pictures=[Picture(), Picture()])

        def rewrite() -> None:
            with Closing(client_for(self.connection)) as client:
                now = client.snapshot(status_id)
                client.write_alt_texts(now, {now.status.attachments[0].id: "Better."})

        self.assertEqual(publish_publication(publication.pk, at_step=at(Step.WRITTEN, rewrite)), Result.POSTED)

        self.ends(publication, Publication.Status.POSTED, alarm=False)
        self.assertEqual(self.alt_texts(status_id), ["Better.", "Picture 1: a boat."])
        first = Image.objects.order_by("pk")[0]
        self.assertEqual((first.status, first.remote_alt_text), (Image.Status.POSTED, "Better."))
        texts = first.versions.order_by("pk").values_list("kind", "text")
        self.assertEqual(
            list(texts)[-2:],
            [(CaptionVersion.Kind.PUBLISHED, "Picture 0: a boat."), (CaptionVersion.Kind.ORIGINAL, "Better.")],
        )

    def test_damage_stays_damage_although_the_author_edits_afterwards(self) -> None:
        self.connect("mastodon")
        status_id, publication = self.approved(pictures=3)
        self.sandbox.fault("drop_image", method="PUT", path_prefix="/api/v1/statuses")
        watch = at(Step.WRITTEN, lambda: self.sandbox.edit_text(status_id, WORDS))

        self.assertEqual(publish_publication(publication.pk, at_step=watch), Result.REFUSED)
        self.ends(publication, Publication.Status.REFUSED, alarm=True)
        self.assertIn("pictures", publication.error)

    def test_a_picture_approved_meanwhile_waits_for_another_look_after_the_authors_edit(self) -> None:
        self.connect("mastodon")
        status_id, publication = self.approved(pictures=2)
        late = Image.objects.order_by("pk")[1]
        Image.objects.filter(pk=late.pk).update(status=Image.Status.ERROR)

        def watch(step: Step) -> None:
            if step == Step.WRITTEN:
                self.sandbox.edit_text(status_id, WORDS)
                Image.objects.filter(pk=late.pk).update(status=Image.Status.APPROVED)

        publish_publication(publication.pk, at_step=watch)
        second = Publication.objects.exclude(pk=publication.pk).get()
        self.assertEqual(publish_publication(second.pk), Result.REFUSED)
        second.refresh_from_db()
        self.assertIn("edited after it was reviewed", second.error)

    def test_a_history_that_cannot_be_had_is_waited_for_and_then_done_without(self) -> None:
        self.connect("mastodon")
        status_id, publication = self.approved()
        self.sandbox.fault(503, path_prefix=f"/api/v1/statuses/{status_id}/history", times=None)
        results = []
        while (result := publish_publication(publication.pk)) == Result.LATER:
            results.append(result)
            self.again(publication)
        self.assertEqual((result, len(results)), (Result.POSTED, 3))
        self.assertEqual(self.sandbox.edits(status_id), 1)

    def test_a_server_without_a_history_is_compared_without_one(self) -> None:
        self.connect("mastodon")
        status_id, publication = self.approved()
        self.sandbox.fault(404, path_prefix=f"/api/v1/statuses/{status_id}/history", times=None)
        self.assertEqual(publish_publication(publication.pk), Result.POSTED)
        asked = [one for one in self.sandbox.requests() if status_id in one.path]
        self.assertEqual(len(asked), 6)
