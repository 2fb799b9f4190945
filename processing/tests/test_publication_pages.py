from io import StringIO

from django.core.management import CommandError, call_command
from django.test import TestCase
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.roles import Role
from captions.models import Image, Post, Publication
from platforms.models import PlatformConnection
from processing.publishing import leases
from processing.tests import cast
from processing.tests.publishing_case import PublishingCase


class PublicationPageTests(TestCase):
    rita: User
    connection: PlatformConnection
    refused: Publication

    @classmethod
    def setUpTestData(cls) -> None:
        cls.rita = cast.make_user("rita")
        cls.connection = PlatformConnection.objects.create(
            user=cls.rita,
            name="Harbour",
            platform_type="unknown",
            instance_url="https://gts.example",
            username="rita",
            access_token="secret",
        )
        post = Post.objects.create(
            platform_connection=cls.connection,
            post_id="1",
            author_id="1",
            post_url="https://gts.example/1",
            edited_at="now",
        )
        Image.objects.create(
            post=post,
            platform_connection=cls.connection,
            image_url="https://gts.example/1.png",
            image_post_id="11",
            attachment_index=0,
            status=Image.Status.APPROVED,
            final_caption="A <b>boat</b> & a gull.",
            captioned_at=timezone.now(),
        )
        cls.refused = Publication.objects.create(
            post=post,
            platform_connection=cls.connection,
            status=Publication.Status.REFUSED,
            error="This server runs gotosocial.",
        )

    def url(self, name: str) -> str:
        return reverse(f"publications:{name}", args=[self.refused.pk])

    def test_the_reason_and_the_text_to_copy_are_shown(self) -> None:
        self.client.force_login(self.rita)
        response = self.client.get(self.url("detail"))
        self.assertContains(response, "This server runs gotosocial.")
        self.assertContains(response, "A &lt;b&gt;boat&lt;/b&gt; &amp; a gull.")

    def test_the_list_shows_one_state_when_asked(self) -> None:
        self.client.force_login(self.rita)
        self.assertContains(self.client.get(reverse("publications:list")), "This server runs gotosocial.")
        response = self.client.get(reverse("publications:list"), {"status": "posted"})
        self.assertNotContains(response, "This server runs gotosocial.")

    def test_trying_again_queues_it_for_the_post_as_it_is_now(self) -> None:
        self.client.force_login(self.rita)
        self.client.post(self.url("retry"))
        self.refused.refresh_from_db()
        self.assertEqual((self.refused.status, self.refused.seen_edited_at), (Publication.Status.QUEUED, "now"))

    def test_what_was_never_written_cannot_be_undone(self) -> None:
        self.client.force_login(self.rita)
        response = self.client.post(self.url("undo"), follow=True)
        self.assertContains(response, "Only what was written can be undone")
        self.refused.refresh_from_db()
        self.assertEqual(self.refused.status, Publication.Status.REFUSED)

    def test_to_an_outsider_it_does_not_exist(self) -> None:
        self.client.force_login(cast.make_user("otto"))
        self.assertEqual(self.client.get(self.url("detail")).status_code, 404)
        for name in ("retry", "undo"):
            self.assertEqual(self.client.post(self.url(name)).status_code, 404)
        self.assertNotContains(self.client.get(reverse("publications:list")), "gotosocial")

    def test_a_viewer_sees_it_and_may_change_nothing(self) -> None:
        viewer = cast.make_user("vera", Role.VIEWER)
        self.connection.memberships.create(user=viewer, role=Role.VIEWER)
        self.client.force_login(viewer)
        self.assertNotContains(self.client.get(self.url("detail")), "Try again")
        self.client.post(self.url("retry"))
        self.refused.refresh_from_db()
        self.assertEqual(self.refused.status, Publication.Status.REFUSED)


class PublishCommandTests(PublishingCase):
    def test_it_publishes_what_is_due_and_says_what_waits(self) -> None:
        status_id = self.sandbox.add_status()
        _post, texts = self.approved(status_id)
        _post, images = cast.drafted_post(self.connection, self.sandbox, self.sandbox.add_status(pictures=2))
        cast.approve_all(images[:1], self.reviewer)

        call_command("publish", "--connection", "rita/Sandbox", "--dry-run")
        self.assertEqual(self.writes(), 0)
        call_command("publish", "--connection", "rita/Sandbox")

        self.assertEqual(self.alt_texts(status_id), list(texts.values()))
        self.assertEqual(self.writes(), 1)

    def test_it_fails_when_something_could_not_be_written(self) -> None:
        self.approved(self.sandbox.add_status(poll=["a", "b"]))
        with self.assertRaisesMessage(CommandError, "1 of 1 could not be written"):
            call_command("publish", "--connection", "Sandbox")

    def test_an_unknown_connection_is_answered_with_those_there_are(self) -> None:
        with self.assertRaisesMessage(CommandError, "rita/Sandbox"):
            call_command("publish", "--connection", "Sandbx")

    def test_undo_from_the_command_line_puts_the_texts_back(self) -> None:
        status_id = self.sandbox.add_status()
        self.approved(status_id)
        call_command("publish", "--connection", "Sandbox")
        publication = cast.only_publication()

        call_command("undo_publication", str(publication.pk), "--dry-run")
        self.assertNotEqual(self.alt_texts(status_id), [None])
        call_command("undo_publication", str(publication.pk))

        self.assertEqual([text or None for text in self.alt_texts(status_id)], [None])
        with self.assertRaisesMessage(CommandError, "only once"):
            call_command("undo_publication", str(publication.pk))

    def test_what_a_dead_worker_holds_is_named_and_the_command_fails(self) -> None:
        status_id = self.sandbox.add_status()
        self.approved(status_id)
        leases.claim(cast.only_publication().pk)
        out = StringIO()
        with self.assertRaisesMessage(CommandError, "1 of 1 could not be written"):
            call_command("publish", "--connection", "Sandbox", stdout=out)
        self.assertIn("a worker has it in hand", out.getvalue())

    def test_a_pause_that_the_server_asked_for_is_named(self) -> None:
        self.approved(self.sandbox.add_status())
        self.sandbox.fault(429, path_prefix="/api/v1/statuses", retry_after=600)
        out = StringIO()
        with self.assertRaises(CommandError):
            call_command("publish", "--connection", "Sandbox", stdout=out)
        self.assertIn("asked for a pause", out.getvalue())

    def test_a_connection_that_is_switched_off_is_said_to_be(self) -> None:
        self.approved(self.sandbox.add_status())
        PlatformConnection.objects.update(is_active=False)
        with self.assertRaisesMessage(CommandError, "switched off. 1 posts wait"):
            call_command("publish", "--connection", "Sandbox")
        with self.assertRaisesMessage(CommandError, "switched off"):
            call_command("undo_publication", str(cast.only_publication().pk))
