"""Something was sent and nobody has judged it yet, or it went wrong: neither undo nor retry nor review loses sight."""

from dataclasses import replace
from typing import Any
from unittest.mock import patch

import requests as http
from django.urls import reverse

from captions import actions
from captions.models import CaptionVersion, Image, Publication
from platforms.actions import clear_attention
from platforms.sandbox import store
from platforms.sandbox.families import mastodon
from processing.publishing import Result, publish_publication, requests
from processing.publishing.steps import Step
from processing.tests.families_case import FamilyCase, at, die
from processing.tests.publishing_case import Killed

GONE = "is gone. Its file was at"


class UnjudgedCase(FamilyCase):
    def tell(self, publication: Publication) -> Publication:
        publication.refresh_from_db()
        self.connection.refresh_from_db()
        return publication

    def die_having_sent(self, publication: Publication) -> None:
        with self.assertRaises(Killed):
            publish_publication(publication.pk, at_step=at(Step.WRITTEN, die))
        self.again(publication)

    def given_up(self, publication: Publication) -> Publication:
        """It was sent, its worker died, and the server does not answer until nobody tries any more."""
        self.die_having_sent(publication)
        self.sandbox.fault(503, method="GET", times=None)
        while publish_publication(publication.pk) != Result.REFUSED:
            self.again(publication)
        self.sandbox.clear_faults()
        self.again(publication)
        return self.tell(publication)

    def undo(self, publication: Publication) -> Result:
        requests.request_undo(self.tell(publication), user=self.reviewer)
        return publish_publication(publication.pk)

    def alarmed(self, server: str = "mastodon", **values: Any) -> tuple[str, Publication]:
        """The server drops the first picture with our edit."""
        self.connect(server)
        status_id, publication = self.approved(pictures=2, **values)
        self.sandbox.fault("drop_image", method="PUT")
        self.assertEqual(publish_publication(publication.pk), Result.REFUSED)
        return status_id, self.tell(publication)

    def page(self, publication: Publication) -> str:
        self.client.force_login(self.reviewer)
        return self.client.get(reverse("publications:detail", args=[publication.pk])).content.decode()


class SentBeforeAnUndoTests(UnjudgedCase):
    def test_damage_that_nobody_has_seen_is_an_alarm_before_it_is_undone(self) -> None:
        self.connect("mastodon")
        _status_id, publication = self.approved(pictures=2)
        self.sandbox.fault("drop_image", method="PUT")
        self.given_up(publication)

        self.assertEqual(self.undo(publication), Result.REFUSED)
        self.tell(publication)
        self.assertTrue(self.connection.attention)
        self.assertIn("The pictures, or their order, changed.", publication.error)

        self.assertEqual(self.undo(publication), Result.UNDONE)
        self.assertIn("not part of the post any more", self.tell(publication).error)

    def test_damage_by_an_undo_is_an_alarm_whoever_looks_next(self) -> None:
        self.connect("mastodon")
        _status_id, publication = self.approved(pictures=2)
        publish_publication(publication.pk)
        requests.request_undo(self.tell(publication), user=self.reviewer)
        self.sandbox.fault("drop_image", method="PUT")
        self.die_having_sent(publication)

        self.assertEqual(publish_publication(publication.pk), Result.REFUSED)
        self.assertTrue(self.tell(publication).alarm)
        self.assertTrue(self.connection.attention)

    def test_a_write_that_arrived_whole_is_undone_at_once_on_every_way(self) -> None:
        for server in ("mastodon", "gotosocial", "pixelfed", "takahe", "pleroma", "snac"):
            with self.subTest(server=server):
                self.connect(server)
                status_id, publication = self.approved(pictures=2)
                self.given_up(publication)
                self.assertEqual(self.undo(publication), Result.UNDONE)
                self.assertEqual(self.alt_texts(self.tell(publication).post.remote_id or status_id), ["", ""])
                self.assertFalse(self.connection.attention)
                self.assertEqual((publication.sent_at, publication.sending), (None, None))


class TakenBackTests(UnjudgedCase):
    def test_a_text_is_not_taken_back_while_nobody_knows_whether_it_arrived(self) -> None:
        for server in ("mastodon", "pixelfed"):
            with self.subTest(server=server):
                self.connect(server)
                status_id, publication = self.approved(pictures=1)
                self.given_up(publication)
                image = publication.post.images.get()
                with self.assertRaisesMessage(actions.AlreadyDecided, "not known yet"):
                    actions.reopen(image, user=self.reviewer)

                self.undo(publication)
                actions.reopen(image, user=self.reviewer)
                image.refresh_from_db()
                actions.approve(image, text="The right text.", reviewer=self.reviewer)
                publish_publication(Publication.objects.open().get().pk)

                self.assertEqual(self.alt_texts(status_id), ["The right text."])
                self.assertFalse(self.tell(publication).platform_connection.attention)

    def test_another_text_that_was_approved_meanwhile_is_not_posted_but_goes_out_next(self) -> None:
        self.connect("mastodon")
        status_id, publication = self.approved(pictures=1)
        self.die_having_sent(publication)
        Image.objects.update(final_caption="The right text.")  # past every door

        self.assertEqual(publish_publication(publication.pk), Result.POSTED)
        self.assertEqual(Image.objects.get().status, Image.Status.APPROVED)
        following = Publication.objects.open().get()
        CaptionVersion.objects.create(
            image=Image.objects.get(), kind=CaptionVersion.Kind.FINAL, text="Picture 0: a boat."
        )
        self.assertEqual(publish_publication(following.pk), Result.POSTED)
        self.assertEqual(self.alt_texts(status_id), ["The right text."])


class MangledTests(UnjudgedCase):
    def mangled(self, server: str, into: str) -> tuple[str, Publication]:
        self.connect(server)
        status_id, publication = self.approved(pictures=1, text=lambda image: "Boats & ships.")
        real = store.update_media

        def update(db: Any, media: Any) -> Any:
            return real(db, replace(media, description=into) if media.description else media)

        with patch.object(store, "update_media", update):
            self.assertEqual(publish_publication(publication.pk), Result.REFUSED)
        return status_id, self.tell(publication)

    def test_what_a_server_made_of_our_text_is_shown_and_undone(self) -> None:
        for server, into in (("mastodon", "Boats"), ("takahe", "Boats &amp; ships."), ("snac", "boats and ships")):
            with self.subTest(server=server):
                status_id, publication = self.mangled(server, into)
                self.assertEqual((publication.alarm or {})["shown"], dict.fromkeys(publication.texts or {}, into))
                self.assertIn(f'<del dir="auto">{into.replace("&", "&amp;")}</del>', self.page(publication))
                self.assertEqual(self.undo(publication), Result.UNDONE)
                self.assertEqual(self.alt_texts(publication.post.remote_id or status_id), [""])

    def test_it_is_no_text_of_somebody_else_when_it_is_tried_again(self) -> None:
        status_id, publication = self.mangled("mastodon", "Boats")
        clear_attention(self.connection, self.reviewer)
        requests.retry(publication, user=self.reviewer)
        self.assertEqual(publish_publication(publication.pk), Result.POSTED)
        self.assertEqual(self.alt_texts(status_id), ["Boats & ships."])
        self.assertIsNone(self.tell(publication).alarm)

    def test_what_its_author_wrote_afterwards_is_left_alone(self) -> None:
        status_id, publication = self.mangled("mastodon", "Boats")
        self.sandbox.set_alt(status_id, 0, "The author's.")
        self.assertEqual(self.undo(publication), Result.REFUSED)
        self.assertEqual(self.alt_texts(status_id), ["The author's."])

    def test_an_undo_gives_back_the_authors_text_not_one_of_ours_that_went_wrong(self) -> None:
        status_id, first = self.mangled("mastodon", "Boats")
        clear_attention(self.connection, self.reviewer)
        image = Image.objects.get()
        actions.reopen(image, user=self.reviewer)
        image.refresh_from_db()
        actions.approve(image, text="Another text.", reviewer=self.reviewer)
        second = Publication.objects.open().get()
        self.assertNotEqual(first.pk, second.pk)
        self.assertEqual(publish_publication(second.pk), Result.POSTED)
        self.assertEqual(self.undo(second), Result.UNDONE)
        self.assertEqual(self.alt_texts(status_id), [""])


class WhatWasLostTests(UnjudgedCase):
    def test_it_is_shown_before_during_and_after_the_undo(self) -> None:
        _status_id, publication = self.alarmed()
        self.assertIn(GONE, self.page(publication))
        requests.request_undo(publication, user=self.reviewer)
        self.assertIn(GONE, self.page(publication))
        self.assertEqual(publish_publication(publication.pk), Result.UNDONE)
        self.assertIn(GONE, self.page(publication))
        self.assertIn("not as it was before", self.tell(publication).error)

    def test_it_is_shown_when_the_undo_lost_it(self) -> None:
        self.connect("mastodon")
        _status_id, publication = self.approved(pictures=2)
        publish_publication(publication.pk)
        self.sandbox.fault("drop_image", method="PUT")
        self.assertEqual(self.undo(publication), Result.REFUSED)
        self.assertIn(GONE, self.page(publication))

    def test_trying_again_after_damage_says_what_is_still_different_until_it_is_put_right(self) -> None:
        self.connect("mastodon")
        _status_id, publication = self.approved(pictures=2)
        real = mastodon.Mastodon.edit

        def edit(family: Any, call: Any, before: Any) -> Any:
            return real(family, call, replace(before, visibility="unlisted"))

        with patch.object(mastodon.Mastodon, "edit", edit):
            self.assertEqual(publish_publication(publication.pk), Result.REFUSED)
        clear_attention(self.connection, self.reviewer)
        requests.retry(self.tell(publication), user=self.reviewer)

        self.assertEqual(publish_publication(publication.pk), Result.POSTED)
        self.assertIn("The visibility changed.", self.tell(publication).error)
        self.assertIn("What else is different", self.page(publication))
        panel = self.client.get(reverse("platforms:detail", args=[self.connection.pk]))
        self.assertContains(panel, f"{reverse('publications:detail', args=[publication.pk])}#undo")

    def test_a_text_that_comes_after_its_undo_can_be_undone_once_more(self) -> None:
        status_id, publication = self.alarmed()
        self.assertEqual(self.undo(publication), Result.UNDONE)
        [left] = self.sandbox.status(status_id)["media_attachments"]
        self.sandbox.set_alt(status_id, 0, (publication.texts or {})[left["id"]])
        self.assertTrue(requests.can_be_undone(self.tell(publication)))
        self.assertEqual(self.undo(publication), Result.UNDONE)
        self.assertEqual(self.alt_texts(status_id), [""])


class RedraftedTests(UnjudgedCase):
    def test_an_approved_picture_whose_post_was_deleted_and_redrafted_is_reviewed_again_there(self) -> None:
        self.connect("mastodon")
        status_id, publication = self.approved(pictures=1)
        [media] = self.sandbox.status(status_id)["media_attachments"]
        self.sandbox.delete_status(status_id)
        answer = http.post(
            f"{self.sandbox.url}/api/v1/statuses",
            json={"status": "Redrafted", "media_ids": [media["id"]], "language": "de"},
            headers={"Authorization": f"Bearer {self.sandbox.token}"},
            timeout=5,
        )
        redrafted = answer.json()["id"]
        self.scan()
        self.assertEqual(Image.objects.get().status, Image.Status.APPROVED)  # its publication is still to come
        self.assertEqual(publish_publication(publication.pk), Result.REFUSED)

        self.scan()

        image = Image.objects.get()
        self.assertEqual((image.status, image.post.post_id), (Image.Status.PENDING, redrafted))
        self.assertIn(image, Image.objects.awaiting_review())
        self.assertEqual(image.reviewed_caption, "Picture 0: a boat.")
        actions.approve(image, text="Picture 0: a boat.", reviewer=self.reviewer)
        self.assertEqual(publish_publication(Publication.objects.open().get().pk), Result.POSTED)
        self.assertEqual(self.alt_texts(redrafted), ["Picture 0: a boat."])
