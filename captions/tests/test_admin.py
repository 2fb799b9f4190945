from django.test import TestCase
from django.urls import reverse

from accounts.models import User
from accounts.roles import Role
from accounts.tests.people import make_user
from captions import actions
from captions.models import CaptionVersion, Image, Post, Publication
from captions.tests.rows import DRAFT, make_connection, make_image, make_post
from platforms.models import PlatformConnection

LISTS = ("post", "image", "captionversion", "publication")


class AdminTests(TestCase):
    alice: User  # owns the connection
    moderator: User
    connection: PlatformConnection

    @classmethod
    def setUpTestData(cls) -> None:
        cls.alice = make_user("alice")
        cls.moderator = make_user("mod", role=Role.MODERATOR)
        cls.connection = make_connection(cls.alice)

    def setUp(self) -> None:
        self.client.force_login(self.moderator)

    def act(self, action: str, *images: Image) -> str:
        selected = [image.pk for image in images]
        url = reverse("admin:captions_image_changelist")
        response = self.client.post(url, {"action": action, "_selected_action": selected}, follow=True)
        return " ".join(str(message) for message in response.context["messages"])

    def test_a_moderator_enters_and_a_reviewer_does_not(self) -> None:
        image = make_image(make_post(self.connection))
        actions.approve(image, text="A text of its own.", reviewer=self.alice)
        rows = (image.post, image, CaptionVersion.objects.latest("pk"), Publication.objects.get())
        for name, row in zip(LISTS, rows, strict=True):
            urls = [
                reverse(f"admin:captions_{name}_changelist"),
                reverse(f"admin:captions_{name}_change", args=[row.pk]),
            ]
            for url in urls:
                self.client.force_login(self.moderator)
                self.assertEqual(self.client.get(url).status_code, 200, url)
                self.client.force_login(self.alice)
                self.assertIn(self.client.get(url).status_code, (302, 403), url)

    def test_nobody_adds_or_deletes_rows_by_hand(self) -> None:
        self.client.force_login(make_user("root", role=Role.ADMIN))
        image = make_image(make_post(self.connection))
        for url in (
            reverse("admin:captions_image_add"),
            reverse("admin:captions_post_add"),
            reverse("admin:captions_image_delete", args=[image.pk]),
        ):
            self.assertEqual(self.client.get(url).status_code, 403)

    def test_drafts_are_approved_like_anywhere_else_and_the_rest_is_reported(self) -> None:
        good, decided = (make_image(make_post(self.connection)) for _number in range(2))
        actions.reject(decided, reason="no", reviewer=self.alice)

        said = self.act("approve_drafts", good, decided)

        self.assertIn("Approved: 1", said)
        self.assertIn("closed already", said)
        good.refresh_from_db()
        self.assertEqual((good.status, good.final_caption), (Image.Status.APPROVED, DRAFT))
        self.assertEqual(Publication.objects.get().post, good.post)

    def test_drafts_are_rejected_and_failures_drafted_again(self) -> None:
        image = make_image(make_post(self.connection))
        failed = make_image(make_post(self.connection), draft=None, status=Image.Status.ERROR)
        self.assertIn("Rejected: 1", self.act("reject_drafts", image))
        self.assertIn("To be drafted again: 1", self.act("requeue_failed", failed))
        self.assertTrue(Image.objects.due().filter(pk=failed.pk).exists())

    def test_failures_have_no_draft_to_approve_and_can_be_rejected(self) -> None:
        failed = make_image(make_post(self.connection), draft=None, status=Image.Status.ERROR)
        self.assertIn("There is no text.", self.act("approve_drafts", failed))
        self.assertIn("Rejected: 1", self.act("reject_drafts", failed))

    def test_a_note_is_saved_and_nothing_else(self) -> None:
        image = make_image(make_post(self.connection))
        url = reverse("admin:captions_image_change", args=[image.pk])
        inline = {"versions-TOTAL_FORMS": 0, "versions-INITIAL_FORMS": 0}
        self.client.post(url, {"reviewer_notes": "Ask Bo.", "status": "approved", "final_caption": "x"} | inline)
        image.refresh_from_db()
        self.assertEqual((image.reviewer_notes, image.status, image.final_caption), ("Ask Bo.", "pending", None))

    def test_searches_find_numbers_and_the_beginnings_of_ids(self) -> None:
        image = make_image(make_post(self.connection), image_post_id="abc-123")
        make_image(make_post(self.connection))
        url = reverse("admin:captions_image_changelist")
        for term in (str(image.pk), "abc", "abc-123"):
            self.assertEqual(list(self.client.get(url, {"q": term}).context["cl"].result_list), [image])
        for term in ("ABC", "9" * 30, "²"):
            self.assertEqual(list(self.client.get(url, {"q": term}).context["cl"].result_list), [])

    def test_pages_take_few_queries_beside_thousands_of_posts(self) -> None:
        Post.objects.bulk_create(
            Post(
                platform_connection=self.connection, post_id=f"p{number}", author_id="1", post_url="https://x.example/"
            )
            for number in range(5000)
        )
        image = make_image(make_post(self.connection))
        for _number in range(20):
            make_image(image.post)
        with self.assertNumQueries(6):  # session, user, the image, its texts, its post, its connection
            self.client.get(reverse("admin:captions_image_change", args=[image.pk]))
        for name in LISTS:
            with self.assertNumQueries(4):  # session, user, bounded count, rows
                self.client.get(reverse(f"admin:captions_{name}_changelist"))

    def test_no_page_shows_a_credential(self) -> None:
        image = make_image(make_post(self.connection))
        for url in (
            reverse("admin:captions_image_changelist"),
            reverse("admin:captions_image_change", args=[image.pk]),
            reverse("admin:captions_post_change", args=[image.post_id]),
        ):
            self.assertNotContains(self.client.get(url), "a-token")
