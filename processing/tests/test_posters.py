"""Videos and animations: described by the frame that the server shows of them, where it takes an alt text for them."""

import json
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest
from django.urls import reverse

from captions.ingest import upsert_statuses
from captions.models import Image
from platforms.clients.base import Attachment, Status
from platforms.clients.reading import Reader
from platforms.models import PlatformConnection
from platforms.sandbox.testing import Picture
from platforms.wanted import pictures, unseen
from processing.publishing import publish_publication
from processing.tests.families_case import SERVERS, FamilyCase
from processing.tests.tasks_case import TasksCase, only_image

DESCRIBED = {"mastodon", "gotosocial", "gotosocial 0.18"}  # the families whose source says so


def moving(**changes: str) -> Status:
    video = Attachment("7", "video", "https://files.example/7.mp4", "https://files.example/7.png")
    return Status(
        id="1",
        uri="https://social.example/1",
        url="https://social.example/@demo/1",
        account_id="1",
        created_at="2026-11-01T10:00:00Z",
        edited_at="",
        visibility="public",
        sensitive=False,
        spoiler_text="",
        language="en",
        content="<p>A film.</p>",
        attachments=(replace(video, **changes),),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("kind", ["video", "gifv"])
@pytest.mark.parametrize(
    ("family", "taken"),
    [
        ("mastodon", True),
        ("gotosocial", True),
        ("pixelfed", False),
        ("takahe", False),
        ("pleroma", False),
        ("snac", False),
        ("unknown", False),
    ],
)
def test_only_families_of_which_it_is_known_have_their_videos_described(kind: str, family: str, taken: bool) -> None:
    connection = PlatformConnection(platform_type=family)
    assert bool(pictures(connection, moving(type=kind))) is taken
    assert unseen(connection, moving(type=kind, preview_url="")) == int(taken)


@pytest.mark.parametrize("preview", ["", "https://files.example/7.mp4"])
def test_a_video_without_a_frame_to_look_at_is_left_out_and_counted(preview: str) -> None:
    connection = PlatformConnection(platform_type="mastodon")
    assert pictures(connection, moving(preview_url=preview)) == []
    assert unseen(connection, moving(preview_url=preview)) == 1


def test_sound_is_no_picture() -> None:
    connection = PlatformConnection(platform_type="mastodon")
    assert pictures(connection, moving(type="audio")) == []
    assert unseen(connection, moving(type="audio", preview_url="")) == 0


class ScanTests(TasksCase):
    def frame_of(self, kind: str) -> None:
        status = self.sandbox.status(self.sandbox.add_status("A film.", pictures=[Picture(kind=kind)]))
        (attachment,) = status["media_attachments"]
        self.complete(self.start())
        image = only_image()
        self.assertEqual((image.attachment_type, image.image_url), (kind, attachment["preview_url"]))
        self.assertNotEqual(image.image_url, attachment["url"])
        self.assertIsNotNone(image.captioned_at)
        self.assertEqual([asked.poster_of for asked in self.engine.asked], [kind])

    def test_the_frame_of_a_video_is_fetched_and_the_request_says_what_it_is_of(self) -> None:
        self.frame_of("video")

    def test_the_frame_of_an_animation_is_fetched_and_the_request_says_what_it_is_of(self) -> None:
        self.frame_of("gifv")

    def test_the_review_page_says_that_it_is_a_frame_of_a_video(self) -> None:
        self.sandbox.add_status("A film.", pictures=[Picture(kind="video")])
        self.complete(self.start())
        self.client.force_login(self.owner)
        page = self.client.get(reverse("captions:review", args=[only_image().pk]))
        self.assertContains(page, "Poster frame of a video")

    def test_a_picture_is_no_frame_of_anything(self) -> None:
        self.sandbox.add_status("A harbour.")
        self.complete(self.start())
        self.assertEqual(self.engine.asked[-1].poster_of, "")
        self.client.force_login(self.owner)
        page = self.client.get(reverse("captions:review", args=[only_image().pk]))
        self.assertNotContains(page, "Poster frame")

    def test_what_has_no_frame_is_counted_in_the_results_of_the_scan(self) -> None:
        self.sandbox.add_status("A film.", pictures=[Picture(kind="video")])
        real = Reader.statuses

        def without_frames(reader: Reader, account_id: str, **below: Any) -> Any:
            for status in real(reader, account_id, **below):
                assert isinstance(status, Status)
                yield replace(status, attachments=tuple(replace(one, preview_url="") for one in status.attachments))

        with mock.patch.object(Reader, "statuses", without_frames):
            task = self.run_task(self.start())
        self.assertEqual(json.loads(task.results_json or "{}")["videos_without_frame"], 1)
        self.assertFalse(Image.objects.exists())


class WritingTests(FamilyCase):
    def test_its_alt_text_is_written_and_nothing_else_of_the_post_is_found_changed(self) -> None:
        for server in sorted(DESCRIBED):
            with self.subTest(server):
                self.connect(server)
                self.forget_traffic()
                status_id, publication = self.approved(pictures=[Picture(kind="video")])
                self.assertEqual(publish_publication(publication.pk).name, "POSTED")
                self.assertEqual(self.alt_texts(status_id), ["Picture 0: a boat."])

    def test_elsewhere_it_gets_no_row(self) -> None:
        for server in sorted(set(SERVERS) - DESCRIBED):
            with self.subTest(server):
                self.connect(server)
                upsert_statuses(self.connection, [moving()])
                self.assertFalse(Image.objects.exists())
