from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.http import HttpResponse
from django.test import TestCase, override_settings
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from accounts.models import User
from accounts.roles import Role
from accounts.tests.people import make_user
from captions import actions
from captions.models import CaptionVersion, Image, Post, Publication
from captions.tests.rows import DRAFT, add_draft, add_member, make_connection, make_image, make_post
from platforms.models import Family, PlatformConnection

DECISIONS = {"approve", "reject", "skip", "hold", "publish_now", "reopen", "requeue"}
TEXT = "A lighthouse with red and white stripes on a rock; waves break below it."


def make_failed(connection: PlatformConnection) -> Image:
    return make_image(make_post(connection), draft=None, status="error", processing_error="Not a picture.")


class PageCase(TestCase):
    alice: User  # owns the connection
    connection: PlatformConnection

    @classmethod
    def setUpTestData(cls) -> None:
        cls.alice = make_user("alice")
        cls.connection = make_connection(cls.alice)

    def setUp(self) -> None:
        self.client.force_login(self.alice)
        self.image = make_image(make_post(self.connection))

    def url(self, name: str = "review", image: Image | None = None) -> str:
        return reverse(f"captions:{name}", args=[(image or self.image).pk])

    def page(self, image: Image | None = None) -> Any:
        response = self.client.get(self.url(image=image))
        self.assertEqual(response.status_code, 200)
        return response

    def approve(self, text: str = TEXT, **values: object) -> HttpResponse:
        seen = self.image.versions.order_by("-pk").values_list("pk", flat=True).first() or actions.NO_VERSION
        response: Any = self.client.post(self.url("approve"), {"text": text, "seen": seen} | values)
        return response  # type: ignore[no-any-return]

    def status(self) -> str:
        self.image.refresh_from_db()
        return self.image.status


class PostEditTests(PageCase):
    def test_an_approval_on_a_page_from_before_the_post_was_edited_is_refused_and_keeps_the_text(self) -> None:
        Post.objects.filter(pk=self.image.post_id).update(edited_at="2026-11-21T04:00:00Z")

        response = self.approve(seen_edit="")

        self.assertContains(response, "The post was edited while you worked on it", status_code=409)
        self.assertContains(response, TEXT, status_code=409)
        self.assertEqual(self.status(), Image.Status.PENDING)
        self.approve(seen_edit="2026-11-21T04:00:00Z")
        self.assertEqual(self.status(), Image.Status.APPROVED)


class PageTests(PageCase):
    def test_it_shows_the_post_the_draft_and_where_the_draft_comes_from(self) -> None:
        response = self.page()
        for text in (DRAFT, "Good morning from the harbour.", self.image.post.post_url, "embedded describer", "1500"):
            self.assertContains(response, text)
        self.assertContains(response, 'lang="en"')

    def test_it_warns_before_a_content_warning_is_passed(self) -> None:
        post = make_post(self.connection, spoiler_text="spiders", sensitive=True)
        response = self.page(make_image(post, local_path="a.jpg"))
        self.assertContains(response, "Content warning: <bdi")
        self.assertContains(response, "marked this picture as sensitive")

    def test_the_other_pictures_of_the_post_are_listed(self) -> None:
        other = make_image(self.image.post, draft="A second one.")
        self.assertContains(self.page(), self.url(image=other))

    def test_opening_it_holds_it_for_five_minutes(self) -> None:
        self.page()
        self.image.refresh_from_db()
        self.assertEqual(self.image.claimed_by, self.alice)
        assert self.image.claimed_until is not None
        self.assertAlmostEqual(
            self.image.claimed_until, timezone.now() + timedelta(minutes=5), delta=timedelta(minutes=1)
        )

    def test_while_another_holds_it_one_sees_who_and_goes_on(self) -> None:
        Image.objects.claim_for_review(self.image.pk, make_user("bob"))
        response = self.page()
        self.assertContains(response, "bob is working on this picture")
        self.assertContains(response, f"{reverse('captions:next')}?after={self.image.pk}")
        self.assertNotContains(response, "approve-form")

    def test_typing_renews_the_hold_and_says_when_it_is_lost(self) -> None:
        self.assertEqual(self.client.post(self.url("hold")).status_code, 204)
        Image.objects.update(claimed_by=make_user("bob"))
        self.assertEqual(self.client.post(self.url("hold")).status_code, 409)

    def test_a_picture_in_error_can_be_tried_once_more(self) -> None:
        image = make_failed(self.connection)
        self.assertContains(self.page(image), self.url("requeue", image))
        self.assertContains(self.client.post(self.url("requeue", image), follow=True), "tried once more")
        self.assertTrue(Image.objects.due().filter(pk=image.pk).exists())
        self.assertContains(self.client.post(self.url("requeue", image), follow=True), "not in error any more")

    def test_no_inline_script_and_no_inline_style_are_allowed_or_used(self) -> None:
        response = self.page()
        self.assertNotIn("unsafe", response.headers["Content-Security-Policy"])
        self.assertIn("script-src 'self'", response.headers["Content-Security-Policy"])
        html = response.content.decode()
        self.assertNotIn(" style=", html)
        self.assertNotIn("<style", html)
        self.assertNotRegex(html, r"\son\w+=")
        self.assertNotRegex(html, r"<script(?![^>]*\ssrc=)")

    def test_a_page_takes_few_queries(self) -> None:
        for _number in range(10):
            make_image(self.image.post)
        with self.assertNumQueries(12):
            self.client.get(self.url())


class ErrorPageTests(PageCase):
    """A picture in error, which a reviewer describes by hand."""

    def setUp(self) -> None:
        super().setUp()
        self.awaiting, self.image = self.image, make_failed(self.connection)

    def test_it_says_why_once_and_offers_an_empty_box(self) -> None:
        response = self.page()
        self.assertContains(response, "Not a picture.", count=1)
        self.assertContains(response, "describe the picture yourself")
        self.assertContains(response, "1 picture is in error, this one included.")
        self.assertEqual((response.context["text"], response.context["seen"]), ("", actions.NO_VERSION))
        for name in ("approve", "reject", "skip", "requeue"):
            self.assertContains(response, f'action="{self.url(name)}"')

    def test_the_last_text_is_in_the_box(self) -> None:
        image = make_image(make_post(self.connection), status="error")
        self.assertEqual(self.page(image).context["text"], DRAFT)

    def test_without_a_copy_it_links_to_the_original_and_to_the_post(self) -> None:
        response = self.page()
        self.assertContains(response, f'href="{self.image.image_url}"')
        self.assertContains(response, f'href="{self.image.post.post_url}"')
        self.assertNotContains(response, self.url("picture"))

    def test_with_a_copy_it_shows_that(self) -> None:
        Image.objects.update(local_path="a.jpg")
        response = self.page()
        self.assertContains(response, f'src="{self.url("picture")}"')
        self.assertNotContains(response, self.image.image_url)

    def test_only_addresses_of_the_web_are_linked_to(self) -> None:
        Image.objects.update(image_url="javascript:alert(1)", preview_url="https://social.example/small.jpg")
        response = self.page()
        self.assertNotContains(response, "javascript:")
        self.assertContains(response, 'href="https://social.example/small.jpg"')

    def test_opening_it_holds_it_and_others_see_who_has_it(self) -> None:
        self.page()
        bob = make_user("bob")
        add_member(self.connection, bob)
        self.client.force_login(bob)
        response = self.page()
        self.assertContains(response, "alice is working on this picture")
        self.assertContains(response, "Not a picture.", count=1)
        self.assertNotContains(response, "approve-form")
        self.assertContains(self.client.get("/review/?state=error"), "Open with alice")

    def test_a_reader_sees_the_reason_and_no_form(self) -> None:
        reader = make_user("vic", role=Role.VIEWER)
        add_member(self.connection, reader)
        self.client.force_login(reader)
        self.assertContains(self.page(), "Not a picture.", count=1)
        self.assertNotContains(self.page(), "<textarea")
        self.assertEqual(self.client.post(self.url("approve"), {"text": TEXT, "seen": 0}).status_code, 403)
        self.assertEqual(self.client.post(self.url("reject"), {"reason": "no"}).status_code, 403)
        self.assertEqual(self.status(), Image.Status.ERROR)

    def test_a_decision_goes_on_to_the_next_in_error_and_at_the_end_to_their_list(self) -> None:
        following = make_failed(self.connection)
        rejected = self.client.post(self.url("reject", following), {"reason": "no"}, follow=True)
        self.assertRedirects(rejected, self.url())
        self.assertContains(rejected, "1 is left.")

        approved = self.client.get(self.approve().headers["Location"], follow=True)

        self.assertEqual(self.status(), Image.Status.APPROVED)
        self.assertEqual(self.image.final_caption, TEXT)
        self.assertRedirects(approved, "/review/?state=error")
        self.assertContains(approved, "No picture is left in error.")

    def test_skipping_goes_on_too(self) -> None:
        earlier = make_failed(self.connection)
        self.page(earlier)
        self.assertRedirects(self.client.post(self.url("skip", earlier), follow=True), self.url())
        earlier.refresh_from_db()
        self.assertEqual((earlier.status, earlier.claimed_by), (Image.Status.ERROR, None))

    def test_a_text_that_is_refused_stays_in_the_box(self) -> None:
        self.assertContains(self.approve("x" * 1501), "x" * 1501, status_code=422)
        self.assertContains(self.approve(""), "There is no text.", status_code=422)
        self.assertEqual(self.status(), Image.Status.ERROR)

    def test_what_was_typed_while_it_was_drafted_again_is_not_lost(self) -> None:
        self.page()
        Image.objects.filter(pk=self.image.pk).update(status=Image.Status.PENDING)
        response = self.approve()
        self.assertContains(response, "A new draft of this picture is being made.", status_code=409)
        self.assertContains(response, TEXT, status_code=409)
        self.assertNotContains(response, "The text as it is now", status_code=409)
        self.assertEqual(self.status(), Image.Status.PENDING)


class DecisionTests(PageCase):
    def test_approving_goes_on_to_the_next_and_says_what_happens(self) -> None:
        make_image(make_post(self.connection))
        response = self.approve()
        self.assertRedirects(
            response, f"{reverse('captions:next')}?after={self.image.pk}", fetch_redirect_response=False
        )
        self.assertEqual(self.status(), Image.Status.APPROVED)
        after = self.client.get(response.headers["Location"], follow=True)
        self.assertContains(after, "will be published in a moment. 1 is left.")

    def test_it_says_for_how_many_pictures_the_post_waits(self) -> None:
        make_image(self.image.post)
        response = self.client.get(self.approve().headers["Location"], follow=True)
        self.assertContains(response, "published when 1 more picture of this post is decided")

    def test_it_says_when_the_connection_needs_attention_first(self) -> None:
        PlatformConnection.objects.update(attention="The token was revoked.")
        response = self.client.get(self.approve().headers["Location"], follow=True)
        self.assertContains(response, "looked after the connection “Harbour”")

    def test_a_text_over_the_limit_comes_back_as_it_was_typed(self) -> None:
        response = self.approve("x" * 1501)
        self.assertEqual(response.status_code, 422)
        self.assertContains(response, "x" * 1501, status_code=422)
        self.assertContains(response, "longer than the server allows", status_code=422)
        self.assertEqual(self.status(), Image.Status.PENDING)

    def test_an_empty_text_is_refused(self) -> None:
        self.assertContains(self.approve("  "), "There is no text.", status_code=422)

    def test_a_form_without_the_text_that_was_seen_is_refused(self) -> None:
        self.assertEqual(self.approve(seen="").status_code, 422)
        self.assertEqual(self.approve(seen="x").status_code, 422)
        self.assertEqual(self.status(), Image.Status.PENDING)

    def test_a_new_draft_meanwhile_shows_both_texts(self) -> None:
        seen = self.image.versions.get().pk
        add_draft(self.image, "A draft that came meanwhile.")
        response = self.approve(seen=seen)
        self.assertContains(response, "A draft that came meanwhile.", status_code=409)
        self.assertContains(response, TEXT, status_code=409)
        self.assertEqual(self.status(), Image.Status.PENDING)

    def test_the_loser_of_a_race_keeps_the_typed_text_and_sees_the_other(self) -> None:
        bob = make_user("bob")
        add_member(self.connection, bob)
        actions.approve(self.image, text="The text of Bob.", reviewer=bob)
        response = self.approve()
        self.assertContains(response, "closed already", status_code=409)
        self.assertContains(response, TEXT, status_code=409)
        self.assertContains(response, "The text of Bob.", status_code=409)

    def test_rejecting_takes_a_reason(self) -> None:
        response = self.client.post(self.url("reject"), {"reason": ""})
        self.assertContains(response, "This field is required", status_code=422)
        self.client.post(self.url("reject"), {"reason": "Purely decorative"})
        self.assertEqual(self.status(), Image.Status.REJECTED)
        self.assertEqual(self.image.reviewer_notes, "Purely decorative")
        self.assertContains(self.page(), "Purely decorative")

    def test_rejecting_too_late_is_a_conflict(self) -> None:
        actions.approve(self.image, text=TEXT, reviewer=self.alice)
        self.assertEqual(self.client.post(self.url("reject"), {"reason": "late"}).status_code, 409)

    def test_skipping_leaves_it_to_others(self) -> None:
        self.page()
        self.client.post(self.url("skip"))
        self.image.refresh_from_db()
        self.assertEqual((self.image.status, self.image.claimed_by), (Image.Status.PENDING, None))

    def test_decisions_are_never_made_by_a_link(self) -> None:
        for name in DECISIONS:
            looked_at = self.client.get(self.url(name))
            if looked_at.status_code != 405:
                self.assertRedirects(looked_at, self.url(), fetch_redirect_response=False)
        before = (self.image.status, self.image.final_caption, self.image.regenerate_asked_at)
        self.image.refresh_from_db()
        self.assertEqual((self.image.status, self.image.final_caption, self.image.regenerate_asked_at), before)


class OutcomeTests(PageCase):
    def decided(self, **publication: object) -> Any:
        actions.approve(self.image, text=TEXT, reviewer=self.alice)
        Publication.objects.update(**publication)
        return self.page()

    def test_the_state_of_the_publication_is_visible_with_its_reason(self) -> None:
        response = self.decided(status="refused", error="The post was edited after it was reviewed.")
        self.assertContains(response, "The post was edited after it was reviewed.")

    def test_a_waiting_post_can_be_published_now(self) -> None:
        make_image(self.image.post)
        self.assertContains(self.decided(), "Publish now")
        response = self.client.post(self.url("publish_now"), follow=True)
        self.assertContains(response, "It will be published in a moment.")
        self.assertEqual(Publication.objects.get().status, Publication.Status.QUEUED)

    def test_publishing_nothing_is_said(self) -> None:
        self.assertContains(
            self.client.post(self.url("publish_now"), follow=True), "No picture of this post is approved"
        )

    def test_what_is_never_written_is_to_be_copied_and_it_is_said_why(self) -> None:
        for connection, post, why in (
            ({"platform_type": Family.UNKNOWN, "software": "snac"}, {}, "runs snac"),
            ({"software_version": "3.5.19"}, {}, "Mastodon 3.5.19, which cannot change the alt text"),
            ({}, {"has_poll": True}, "The post has a poll"),
        ):
            with self.subTest(why=why):
                self.image = make_image(make_post(make_connection(self.alice, why, **connection), **post))
                approved = self.approve()
                self.assertRedirects(approved, self.url(), fetch_redirect_response=False)
                response = self.client.get(self.url())
                self.assertIn(why, str(next(iter(response.context["messages"]))))
                self.assertNotContains(response, "will be published in a moment")
                self.assertContains(response, "add it by hand")
                self.assertContains(self.page(), why)
                self.assertContains(response, TEXT)
                self.assertContains(response, "data-copy")

    def test_it_says_before_the_decision_who_gets_to_know_of_the_text(self) -> None:
        for connection, what in (
            ({}, "People of this server who boosted the post"),
            ({"platform_type": "takahe", "software": "takahe", "software_version": "0.11.0"}, "are not told"),
            ({"software_version": "3.5.19"}, "Mastodon 3.5.19, which cannot change the alt text"),
        ):
            with self.subTest(what=what):
                self.image = make_image(make_post(make_connection(self.alice, what, **connection)))
                self.assertContains(self.client.get(self.url()), what)

    def test_a_post_waits_only_for_what_will_be_decided(self) -> None:
        make_image(self.image.post)
        make_image(self.image.post, draft=None)
        self.assertContains(self.decided(), "It is published when 1 more picture of this post is decided.")

    def test_an_approved_picture_can_be_reviewed_again(self) -> None:
        response = self.decided(status="refused", error="The post was edited after it was reviewed.")
        self.assertContains(response, f'action="{self.url("reopen")}"')

        response = self.client.post(self.url("reopen"), follow=True)

        self.assertRedirects(response, self.url())
        self.assertContains(response, "awaits review again")
        self.assertContains(response, "A person reviewed this text before.")
        self.assertEqual(response.context["text"], TEXT)
        self.assertContains(response, "approve-form")
        self.assertContains(self.client.post(self.url("reopen"), follow=True), "not approved: pending")

    def test_the_chosen_connection_goes_along(self) -> None:
        self.decided()
        query = f"?connection={self.connection.pk}"
        self.assertContains(self.client.get(self.url() + query), self.url("reopen") + query)
        self.assertRedirects(self.client.post(self.url("reopen") + query), self.url() + query)

    def test_a_reader_is_not_offered_another_review(self) -> None:
        self.decided()
        reader = make_user("vic", role=Role.VIEWER)
        add_member(self.connection, reader)
        self.client.force_login(reader)
        self.assertNotContains(self.page(), self.url("reopen"))

    def posted(self) -> Publication:
        """The publication that put the image's text on the server."""
        actions.approve(self.image, text=TEXT, reviewer=self.alice)
        publication = Publication.objects.get()
        done = {"texts": {self.image.remote_id: TEXT}, "before": {}, "verified_at": timezone.now()}
        Publication.objects.update(status=Publication.Status.POSTED, **done)
        Image.objects.filter(pk=self.image.pk).update(status="posted", posted_at=timezone.now())
        return publication

    def test_a_published_picture_says_since_when_and_how_to_take_it_back(self) -> None:
        publication = self.posted()
        response = self.page()
        self.assertContains(response, f"It is on the server, since {date_format(timezone.now(), 'DATE_FORMAT')}")
        self.assertContains(response, "undo its publication")
        self.assertContains(response, reverse("publications:detail", args=[publication.pk]))
        self.assertNotContains(response, self.url("reopen"))
        self.assertContains(self.client.post(self.url("reopen"), follow=True), "Undo its publication")
        self.assertEqual(self.status(), Image.Status.POSTED)

    def test_a_published_picture_shows_its_own_publication_not_that_of_another(self) -> None:
        own = self.posted()
        for status in (Publication.Status.REFUSED, Publication.Status.WAITING):
            other = make_image(self.image.post)
            actions.approve(other, text=TEXT, reviewer=self.alice)
            later = Publication.objects.latest("pk")
            texts = {other.remote_id: TEXT}
            Publication.objects.filter(pk=later.pk).update(status=status, error="Not this time.", texts=texts)
            with self.subTest(status=status):
                response = self.page()
                self.assertContains(response, "It is on the server")
                self.assertContains(response, reverse("publications:detail", args=[own.pk]))
                self.assertNotContains(response, "Not this time.")
                self.assertNotContains(response, "Publish now")

    def test_a_published_picture_without_a_publication_says_where_it_is(self) -> None:
        image = make_image(make_post(self.connection), status="posted", final_caption=TEXT)
        self.assertContains(self.page(image), "It is on the server.")

    def test_an_undone_picture_says_so_whatever_comes_of_the_others(self) -> None:
        self.posted()
        Publication.objects.update(status=Publication.Status.UNDONE)
        Image.objects.filter(pk=self.image.pk).update(status="approved", posted_at=None)
        self.image.versions.create(kind=CaptionVersion.Kind.UNDONE, text="")
        actions.approve(make_image(self.image.post), text=TEXT, reviewer=self.alice)
        response = self.page()
        self.assertContains(response, "only after another review")
        self.assertContains(response, self.url("reopen"))
        self.assertNotContains(response, "will be published")


class DoorTests(PageCase):
    def statuses(self) -> dict[str, int]:
        posts = {"approve": {"text": TEXT, "seen": self.image.versions.get().pk}, "reject": {"reason": "no"}}
        found = {"review": self.client.get(self.url()).status_code}
        for name in DECISIONS:
            found[name] = self.client.post(self.url(name), posts.get(name, {})).status_code
        found["picture"] = self.client.get(self.url("picture")).status_code
        return found

    def test_for_an_outsider_nothing_exists(self) -> None:
        self.client.force_login(make_user("otto"))
        self.assertEqual(set(self.statuses().values()), {404})
        self.assertEqual(self.status(), Image.Status.PENDING)

    def test_a_viewer_reads_and_decides_nothing(self) -> None:
        viewer, member = make_user("vic", role=Role.VIEWER), make_user("mia")
        add_member(self.connection, viewer)
        add_member(self.connection, member, Role.VIEWER)
        for user in (viewer, member):
            self.client.force_login(user)
            found = self.statuses()
            self.assertEqual(found["review"], 200)
            self.assertEqual({found[name] for name in DECISIONS - {"skip", "hold"}}, {403})
            self.assertEqual(found["hold"], 409)
            self.assertNotContains(self.client.get(self.url()), "approve-form")
        self.assertEqual(self.status(), Image.Status.PENDING)
        self.assertIsNone(self.image.claimed_by)

    def test_visitors_are_asked_to_sign_in(self) -> None:
        self.client.logout()
        self.assertEqual(set(self.statuses().values()), {302})
        self.assertEqual(self.status(), Image.Status.PENDING)


class PictureTests(PageCase):
    def setUp(self) -> None:
        super().setUp()
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.media = Path(folder.name) / "media"
        self.media.mkdir()
        (self.media / "ab.jpg").write_bytes(b"<script>not a JPEG, and never shown as anything else</script>")
        (self.media.parent / "secret.jpg").write_bytes(b"secret")
        self.enterContext(override_settings(MEDIA_ROOT=self.media))

    def get(self, local_path: str) -> Any:
        Image.objects.filter(pk=self.image.pk).update(local_path=local_path)
        return self.client.get(self.url("picture"))

    def test_it_is_served_as_a_picture_that_can_do_nothing(self) -> None:
        response = self.get("ab.jpg")
        self.assertEqual(response.status_code, 200)
        self.assertTrue(b"".join(response.streaming_content).startswith(b"<script>"))
        headers = response.headers
        self.assertEqual(headers["Content-Type"], "image/jpeg")
        self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
        self.assertIn("sandbox", headers["Content-Security-Policy"])
        self.assertTrue(headers["Cache-Control"].startswith("private"))

    def test_nothing_outside_the_media_folder_is_served(self) -> None:
        (self.media / "link.jpg").symlink_to(self.media.parent / "secret.jpg")
        absolute = str(self.media.parent / "secret.jpg")
        for path in ("../secret.jpg", absolute, "link.jpg", "x/../../secret.jpg", "", ".", "missing.jpg"):
            with self.subTest(path=path):
                self.assertEqual(self.get(path).status_code, 404)
