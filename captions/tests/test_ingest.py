import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest import skipIf

import pytest
from django.db import connection, connections, transaction
from django.test import TestCase, TransactionTestCase
from django.utils import timezone

from accounts.models import User
from captions import actions, drafts, ingest
from captions.ingest import upsert_statuses
from captions.models import CaptionVersion, Image, Post, Publication
from platforms.clients.base import Attachment, Status
from platforms.models import Family, PlatformConnection


def make_connection(name: str = "Sandbox") -> PlatformConnection:
    user = User.objects.filter(username="olga").first() or User.objects.create_user(
        "olga", "olga@example.org", "correct horse battery", role="reviewer", is_approved=True
    )
    return PlatformConnection.objects.create(
        user=user,
        name=name,
        platform_type=Family.MASTODON,
        instance_url=f"https://{name.lower()}.example",
        username="demo",
        account_id="1",
        access_token="secret",
    )


def picture(pk: str = "a1", description: str | None = None, **values: Any) -> Attachment:
    return Attachment(id=pk, type="image", url=f"https://files.example/{pk}.png", description=description, **values)


def make_status(pk: str = "1", *attachments: Attachment, **values: Any) -> Status:
    given: dict[str, Any] = {
        "uri": f"https://sandbox.example/{pk}",
        "url": f"https://sandbox.example/@demo/{pk}",
        "account_id": "1",
        "created_at": "2026-11-01T10:00:00.000Z",
        "edited_at": "",
        "visibility": "public",
        "sensitive": False,
        "spoiler_text": "",
        "language": "en",
        "content": "<p>A post.</p>",
        "attachments": attachments,
    }
    return Status(id=pk, **(given | values))


UNREADABLE_TIMES = [
    "2026-13-45T99:00:00Z",
    "2026-02-30T10:00:00Z",
    "2026-11-01T10:00:00+99:00",
    "yesterday",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "",
]


class IngestTests(TestCase):
    connection: PlatformConnection

    @classmethod
    def setUpTestData(cls) -> None:
        cls.connection = make_connection()

    def test_only_pictures_without_alt_text_get_rows(self) -> None:
        done = upsert_statuses(
            self.connection,
            [
                make_status("1", picture("a1"), picture("a2", "Described."), replace(picture("a3"), type="video")),
                make_status("2", picture("b1", "All is said.")),
                make_status("3"),
            ],
        )
        assert (done.posts, done.new_images) == (1, 1)
        image = Image.objects.get()
        assert done.missing_alt == [image.pk]
        assert (image.image_post_id, image.attachment_index, image.status) == ("a1", 0, Image.Status.PENDING)
        assert image.next_attempt_at is None
        assert image.original_filename == "a1.png"
        post = Post.objects.get()
        assert (post.post_content, post.attachment_count, post.language) == ("A post.", 3, "en")
        assert post.posted_at is not None

    def test_the_same_again_changes_nothing_and_takes_few_queries(self) -> None:
        statuses = [make_status(str(number), picture(f"p{number}")) for number in range(30)]
        first = upsert_statuses(self.connection, statuses)
        before = list(Image.objects.values_list("pk", "updated_at"))
        with self.assertNumQueries(4):  # savepoint, posts, images, release
            second = upsert_statuses(self.connection, statuses)
        assert (second.posts, second.new_images) == (30, 0)
        assert second.missing_alt == first.missing_alt
        assert list(Image.objects.values_list("pk", "updated_at")) == before

    def test_ids_that_differ_only_in_case_are_two_posts(self) -> None:
        upsert_statuses(self.connection, [make_status("9n2GJU", picture("XyZ")), make_status("9n2GJu", picture("xyz"))])
        assert Post.objects.count() == Image.objects.count() == 2

    def test_the_same_ids_on_another_connection_are_other_rows(self) -> None:
        for each in (self.connection, make_connection("Other")):
            upsert_statuses(each, [make_status("1", picture())])
        assert Image.objects.count() == 2

    def test_an_overlong_id_is_stored_by_its_digest_and_kept_whole(self) -> None:
        long = "https://snac.example/" + "x" * 600
        for _number in range(2):
            upsert_statuses(self.connection, [make_status(long, picture(long))])
        post, image = Post.objects.get(), Image.objects.get()
        assert post.post_id.startswith("sha256:")
        assert post.remote_id == image.remote_id == long

    def test_a_post_that_got_a_new_id_by_an_edit_is_known_by_its_address(self) -> None:
        def version(pk: str, text: str = "") -> Status:
            pictures = picture("https://snac.example/p1"), picture("https://snac.example/p2", text)
            return replace(make_status(pk, *pictures), uri="https://snac.example/u/p/1")

        upsert_statuses(self.connection, [version("1"), make_status("7", picture("other"))])
        rows = set(Post.objects.values_list("pk")), set(Image.objects.values_list("pk"))
        upsert_statuses(self.connection, [version("2")])
        assert (set(Post.objects.values_list("pk")), set(Image.objects.values_list("pk"))) == rows
        assert set(Post.objects.values_list("post_id", flat=True)) == {"2", "7"}

        long = "https://snac.example/" + "x" * 600
        upsert_statuses(self.connection, [replace(version(long, "By its author."), content="<p>Edited.</p>")])
        post = Post.objects.get(uri="https://snac.example/u/p/1")
        assert (post.remote_id, post.post_content, post.images.count()) == (long, "Edited.", 2)
        assert Image.objects.filter(status=Image.Status.REJECTED).count() == 1

    def test_the_same_address_on_another_connection_or_under_two_ids_at_once_is_another_post(self) -> None:
        twins = [replace(make_status(pk, picture(f"p{pk}")), uri="https://odd.example/same") for pk in ("1", "2")]
        for _number in range(2):
            upsert_statuses(self.connection, twins)
        upsert_statuses(make_connection("Other"), [replace(twins[0], id="3")])
        assert sorted(Post.objects.values_list("post_id", flat=True)) == ["1", "2", "3"]

    def test_addresses_that_nobody_should_follow_are_left_out(self) -> None:
        upsert_statuses(self.connection, [make_status("1", picture(), url="javascript:alert(1)")])
        assert Post.objects.get().post_url == ""

    def test_what_no_column_takes_does_not_stop_the_others(self) -> None:
        odd = [
            make_status("1", replace(picture("a1"), url="http://[bad/x")),
            *(
                make_status(str(number), picture(f"b{number}"), created_at=text)
                for number, text in enumerate(UNREADABLE_TIMES, start=100)
            ),
            make_status(
                "2", picture("c1"), language="x" * 50, visibility="y" * 50, url="https://x.example/" + "z" * 600
            ),
            make_status("3", replace(picture("d1"), url="https://files.example/%00%1b[2J.png")),
            make_status("4", replace(picture("e1"), url="https://files.example/" + "f" * 2000, preview_url="")),
            make_status("5", picture("f1"), content="<![foo bar]>&#" + "9" * 5000 + ";"),
        ]
        done = upsert_statuses(self.connection, [*odd, make_status("6", picture("g1"))])
        assert done.new_images == len(odd) + 1
        names = dict(Image.objects.values_list("image_post_id", "original_filename"))
        assert (names["a1"], names["d1"]) == (None, "[2J.png")
        assert not Post.objects.filter(post_id__in=[str(100 + n) for n in range(len(UNREADABLE_TIMES))]).exclude(
            posted_at=None
        )
        again = upsert_statuses(self.connection, odd)
        assert again.new_images == 0

    def test_an_emoji_counts_as_missing_and_is_remembered(self) -> None:
        upsert_statuses(self.connection, [make_status("1", picture("a1", "🍕"))])
        image = Image.objects.get()
        assert image.original_caption == "🍕"
        assert image.versions.get().kind == CaptionVersion.Kind.ORIGINAL


class RescanTests(TestCase):
    connection: PlatformConnection
    image: Image

    def setUp(self) -> None:
        self.connection = make_connection()
        upsert_statuses(self.connection, [make_status("1", picture("a1"), picture("a2"))])
        self.image = Image.objects.get(image_post_id="a1")

    def draft(self, image: Image) -> None:
        drafts.ask_for_drafts([image.pk], "task")
        held = drafts.claim(image.pk, timedelta(minutes=1))
        assert held is not None
        assert drafts.record_draft(image.pk, held.attempts, drafts.Draft(text="A draft.", engine="e", model="m"))

    def test_an_edited_text_is_taken_over(self) -> None:
        edited = make_status(
            "1", picture("a1"), picture("a2"), content="<p>Edited.</p>", edited_at="2026-11-02T10:00:00Z"
        )
        upsert_statuses(self.connection, [edited])
        post = Post.objects.get()
        assert (post.post_content, post.edited_at) == ("Edited.", "2026-11-02T10:00:00Z")

    def test_a_post_with_an_open_publication_stays_as_it_was_seen(self) -> None:
        self.draft(self.image)
        actions.approve(self.image, text="A lighthouse.", reviewer=self.connection.user)
        upsert_statuses(self.connection, [make_status("1", picture("a1"), picture("a2"), content="<p>Edited.</p>")])
        assert Post.objects.get().post_content == "A post."

    def test_an_alt_text_that_appeared_closes_the_image_with_a_note(self) -> None:
        drafts.ask_for_drafts([self.image.pk], "task")
        done = upsert_statuses(self.connection, [make_status("1", picture("a1", "Mine."), picture("a2"))])
        self.image.refresh_from_db()
        assert self.image.status == Image.Status.REJECTED
        assert self.image.next_attempt_at is None
        assert self.image.reviewed_at is None
        assert self.image.remote_alt_text == "Mine."
        assert self.image.reviewer_notes
        assert self.image.pk not in done.missing_alt
        assert self.image.versions.get().text == "Mine."

    def test_closing_the_last_undecided_image_sets_off_the_publication(self) -> None:
        self.draft(self.image)
        drafts.ask_for_drafts(list(Image.objects.values_list("pk", flat=True)), "a-task")
        actions.approve(self.image, text="A lighthouse.", reviewer=self.connection.user)
        assert Publication.objects.get().status == Publication.Status.WAITING
        upsert_statuses(self.connection, [make_status("1", picture("a1"), picture("a2", "Mine."))])
        assert Publication.objects.get().status == Publication.Status.QUEUED

    def test_what_a_person_decided_is_never_touched(self) -> None:
        self.draft(self.image)
        actions.approve(self.image, text="A lighthouse.", reviewer=self.connection.user)
        before = Image.objects.filter(pk=self.image.pk).values().get()
        moved = replace(picture("a1", "Mine."), url="https://files.example/elsewhere.png")
        upsert_statuses(self.connection, [make_status("1", moved, picture("a2"))])
        assert Image.objects.filter(pk=self.image.pk).values().get() == before

    def test_delete_and_redraft_moves_an_undecided_image_to_its_new_post(self) -> None:
        upsert_statuses(self.connection, [make_status("2", picture("a1"), picture("a2"))])
        self.image.refresh_from_db()
        assert self.image.post.post_id == "2"
        assert Image.objects.count() == 2

    def test_the_post_that_such_an_image_leaves_waits_for_it_no_longer(self) -> None:
        upsert_statuses(self.connection, [make_status("1", picture("a1"), picture("a2"))])
        approved, other = Image.objects.order_by("attachment_index")
        Image.objects.update(captioned_at=timezone.now())
        actions.approve(approved, text="A lighthouse.", reviewer=self.connection.user)
        assert Publication.objects.get().status == Publication.Status.WAITING
        upsert_statuses(self.connection, [make_status("2", picture("a2"))])
        other.refresh_from_db()
        assert other.post.post_id == "2"
        assert Publication.objects.get().status == Publication.Status.QUEUED

    def test_a_new_address_of_the_file_is_taken_over(self) -> None:
        fresh = replace(picture("a1"), url="https://files.example/signed?again")
        upsert_statuses(self.connection, [make_status("1", fresh, picture("a2"))])
        self.image.refresh_from_db()
        assert self.image.image_url == "https://files.example/signed?again"


@skipIf(connection.vendor == "sqlite", "has one writer at a time")
class RaceTests(TransactionTestCase):
    def test_two_scans_of_one_account_at_once_make_one_set_of_rows(self) -> None:
        """The other scan commits between our look and our insert, as READ COMMITTED allows."""
        account = make_connection()
        statuses = [make_status("1", picture())]
        original = ingest._post_values
        raced = False

        def other_scan_first(*args: Any) -> Any:
            nonlocal raced
            if not raced:
                raced = True
                run_elsewhere(lambda: upsert_statuses(account, statuses))
            return original(*args)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ingest, "_post_values", other_scan_first)
            with transaction.atomic():
                done = upsert_statuses(account, statuses)
        assert (done.posts, done.new_images) == (1, 0)
        assert Post.objects.count() == Image.objects.count() == 1


def run_elsewhere(work: Any) -> None:
    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
