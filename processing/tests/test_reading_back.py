"""What a read-back may look like although nothing is wrong, and which small differences are wrong all the same."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from captions.models import Image, Publication
from platforms.clients.base import Snapshot
from platforms.clients.reading import Reader
from platforms.sandbox import store
from platforms.sandbox.families.mastodon import Mastodon
from platforms.sandbox.families.pixelfed import Pixelfed
from platforms.sandbox.families.takahe import Takahe
from processing.publishing import Result, publish_publication, requests
from processing.tests.families_case import SERVERS, FamilyCase

Json = dict[str, Any]
TEXT = "A Boat on the  quay.\nBehind it, the sea."


class OlderCopyTests(FamilyCase):
    """Behind a cache, or with a second database, the first answer after a write may be the post from before it."""

    def behind(self, reads: int) -> Any:
        """The post as it was first read, for so many reads after that."""
        real, seen = Reader.snapshot, list[Snapshot]()

        def snapshot(client: Reader, status_id: str) -> Snapshot:
            seen.append(seen[0] if 1 <= len(seen) <= reads else real(client, status_id))
            return seen[-1]

        return patch.object(Reader, "snapshot", snapshot)

    def test_it_is_looked_at_once_more_and_nothing_is_sent_again(self) -> None:
        for server in SERVERS:
            with self.subTest(server):
                self.connect(server)
                status_id, publication = self.approved(pictures=2)
                _status_id, other = self.approved()
                with self.behind(1):
                    self.assertEqual(publish_publication(publication.pk), Result.LATER)
                    sent = len(self.writes())
                    publication.refresh_from_db()
                    self.assertEqual((publication.failures, publication.sent_at is None), (0, False))
                    self.assertIn("looked at once more", publication.error)
                    self.assertEqual(publish_publication(other.pk), Result.NOT_DUE)
                    self.again(publication)
                    self.assertEqual(publish_publication(publication.pk), Result.POSTED)
                self.assertEqual(len(self.writes()), sent)
                self.connection.refresh_from_db()
                self.assertFalse(self.connection.attention)
                self.assertNotIn("", self.alt_texts(status_id))

    def test_the_second_time_it_is_an_alarm(self) -> None:
        for server in SERVERS:
            with self.subTest(server):
                self.connect(server)
                _status_id, publication = self.approved(pictures=2)
                with self.behind(2):
                    self.assertEqual(publish_publication(publication.pk), Result.LATER)
                    self.again(publication)
                    sent = len(self.writes())
                    self.assertEqual(publish_publication(publication.pk), Result.REFUSED)
                self.assertEqual(len(self.writes()), sent)
                self.connection.refresh_from_db()
                self.assertTrue(self.connection.attention)

    def test_the_same_holds_for_an_undo(self) -> None:
        for server in SERVERS:
            with self.subTest(server):
                self.connect(server)
                status_id, publication = self.approved(pictures=2)
                self.assertEqual(publish_publication(publication.pk), Result.POSTED)
                publication.refresh_from_db()
                requests.request_undo(publication, user=self.reviewer)
                with self.behind(1):
                    self.assertEqual(publish_publication(publication.pk), Result.LATER)
                    self.again(publication)
                    self.assertEqual(publish_publication(publication.pk), Result.UNDONE)
                self.assertEqual(self.alt_texts(status_id), ["", ""])
                self.connection.refresh_from_db()
                self.assertFalse(self.connection.attention)

    def test_an_edit_that_comes_after_the_answer_is_waited_for(self) -> None:
        self.connect("mastodon")
        _status_id, publication = self.approved()
        edit, queued = Mastodon.edit, list[Callable[[], Any]]()

        def later(family: Mastodon, call: Any, before: Any) -> Any:
            queued.append(lambda: edit(family, call, before))
            return before

        with patch.object(Mastodon, "edit", later):
            self.assertEqual(publish_publication(publication.pk), Result.LATER)
        self.assertEqual(len(queued), 1)

    def test_damage_is_an_alarm_at_once(self) -> None:
        self.connect("mastodon")
        _status_id, publication = self.approved(pictures=2)
        self.sandbox.fault("drop_image", method="PUT")
        self.assertEqual(publish_publication(publication.pk), Result.REFUSED)


class SameTextTests(FamilyCase):
    """No oracle of ours: the sandbox keeps another text than was sent."""

    def published(self, server: str, text: str, keep: Callable[[str], str]) -> tuple[str, str]:
        """What became of a publication on a server that keeps `keep(text)`, and its reason."""
        self.connect(server)
        _status_id, publication = self.approved(pictures=2)
        Image.objects.update(final_caption=text)
        update = store.update_media

        def kept(db: Any, media: store.Media) -> Any:
            return update(db, replace(media, description=keep(media.description)) if media.description else media)

        with patch.object(store, "update_media", kept):
            publish_publication(publication.pk)
        publication.refresh_from_db()
        self.connection.refresh_from_db()
        self.assertEqual(bool(self.connection.attention), publication.status == Publication.Status.REFUSED)
        return publication.status, publication.error

    def test_another_text_is_an_alarm_however_alike(self) -> None:
        changes: dict[str, Callable[[str], str]] = {
            "small letters": str.lower,
            "great letters": str.upper,
            "folded letters": str.casefold,
            "one blank for two": lambda text: text.replace("  ", " "),
            "no line break": lambda text: text.replace("\n", " "),
            "another line break": lambda text: text.replace("\n", "\n\n"),
            "a cut": lambda text: text[:-1],
            "a full stop more": lambda text: text + ".",
            "entities": lambda text: text.replace(",", "&#44;"),
        }
        for server in SERVERS:
            for name, keep in changes.items():
                if (server, name) == ("pixelfed", "entities"):
                    continue  # it makes some by itself, and nothing is lost by any
                with self.subTest(server, name=name):
                    status, error = self.published(server, TEXT, keep)
                    self.assertEqual(status, Publication.Status.REFUSED)
                    self.assertIn("Picture 1 does not have the alt text that was written.", error)

    def test_blanks_at_the_ends_may_go(self) -> None:
        for server in SERVERS:
            for keep in (str.strip, str):
                with self.subTest(server, keep=keep):
                    status, error = self.published(server, f" {TEXT}\n ", keep)
                    self.assertEqual((status, error), (Publication.Status.POSTED, ""))


class OddAnswerTests(FamilyCase):
    def ends(self, publication: Publication, result: Result, *, alarm: bool = False) -> None:
        self.assertEqual(publish_publication(publication.pk), result)
        publication.refresh_from_db()
        self.connection.refresh_from_db()
        self.assertEqual(bool(self.connection.attention), alarm, publication.error)

    def test_markup_that_pixelfed_makes_anew_is_no_damage(self) -> None:
        self.connect("pixelfed")
        _status_id, publication = self.approved()
        shape, asked = Pixelfed.shape_status, [0]

        def again(family: Pixelfed, status: Any, entity: Json) -> Json:
            asked[0] += 1
            entity = shape(family, status, entity)
            words = entity["content"].removeprefix("<p>").removesuffix("</p>")
            return entity | {"content": f'<p dir="auto">{words}</p>' if asked[0] % 2 else words}

        with patch.object(Pixelfed, "shape_status", again):
            self.ends(publication, Result.POSTED)

    def test_pictures_of_takahe_may_come_in_any_order(self) -> None:
        self.connect("takahe")
        shape, asked = Takahe.shape_status, [0]

        def turned(family: Takahe, status: Any, entity: Json) -> Json:
            asked[0] += 1
            entity = shape(family, status, entity)
            return entity | {"media_attachments": entity["media_attachments"][:: 1 if asked[0] % 2 else -1]}

        with patch.object(Takahe, "shape_status", turned):
            _status_id, publication = self.approved(pictures=3)
            self.ends(publication, Result.POSTED)

    def test_a_time_of_the_last_edit_in_other_digits_is_the_same_time(self) -> None:
        digits: dict[str, Callable[[str], str]] = {
            "more": lambda text: text.replace("Z", "000Z"),
            "fewer": lambda text: text[:19] + "Z",
            "another zone's name": lambda text: text.replace("Z", "+00:00"),
        }
        for name, written in digits.items():
            with self.subTest(name):
                self.connect("mastodon")
                status_id, _post = self.scanned()
                self.sandbox.edit_text(status_id, "Edited once.")
                publication = self.approve(self.drafted(status_id)[1])
                shape = Mastodon.shape_status

                def shaped(
                    family: Mastodon, status: Any, entity: Json, *, written: Any = written, shape: Any = shape
                ) -> Json:
                    entity = shape(family, status, entity)
                    return entity | {"edited_at": entity["edited_at"] and written(entity["edited_at"])}

                with patch.object(Mastodon, "shape_status", shaped):
                    self.ends(publication, Result.POSTED)

    def test_a_picture_that_was_described_behind_a_web_page_is_described(self) -> None:
        for server in ("gotosocial 0.18", "pixelfed", "takahe", "pleroma"):
            with self.subTest(server):
                self.connect(server)
                status_id, publication = self.approved(pictures=2)
                self.sandbox.fault(
                    "html", method="PUT", path_prefix="/api/v1/media", status=202, after=True, times=None
                )
                self.ends(publication, Result.POSTED)
                self.assertEqual(self.sandbox.media_writes(status_id), 2)

    def test_a_web_page_alone_describes_nothing(self) -> None:
        for server in ("gotosocial 0.18", "pixelfed", "takahe", "pleroma"):
            with self.subTest(server):
                self.connect(server)
                status_id, publication = self.approved(pictures=2)
                self.sandbox.fault("html", method="PUT", path_prefix="/api/v1/media", times=None)
                self.ends(publication, Result.REFUSED)
                self.assertIn("web page", publication.error)
                self.assertEqual(self.sandbox.media_writes(status_id), 0)

    def test_403_for_a_history_is_no_word_about_the_token(self) -> None:
        self.connect("pleroma")
        status_id, publication = self.approved()
        self.sandbox.fault(403, path_prefix=f"/api/v1/statuses/{status_id}/history", times=None)
        self.ends(publication, Result.POSTED)

    def test_a_token_that_ends_before_the_history_is_read_is_said_and_the_write_judged_later(self) -> None:
        for server in ("mastodon", "gotosocial", "pleroma"):
            with self.subTest(server):
                self.connect(server)
                status_id, publication = self.approved()
                self.sandbox.fault(401, path_prefix=f"/api/v1/statuses/{status_id}/history")
                self.ends(publication, Result.LATER, alarm=True)
                self.assertIsNotNone(publication.sent_at)
                self.connection.attention = None
                self.connection.save(update_fields=["attention"])
                self.again(publication)
                self.ends(publication, Result.POSTED)
                self.assertEqual(self.sandbox.edits(status_id), 1)
