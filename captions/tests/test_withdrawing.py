from unittest import mock

from django.test import TestCase
from django.utils import timezone

from accounts.models import User
from accounts.tests.people import make_user
from captions import actions, drafts
from captions.models import Image, Post, Publication
from captions.tests.rows import make_connection, make_image, make_post
from platforms.models import PlatformConnection

TASK = "a-task"
TEXT = "A lighthouse with red and white stripes on a rock; waves break below it."


class WithdrawTests(TestCase):
    alice: User
    connection: PlatformConnection

    @classmethod
    def setUpTestData(cls) -> None:
        cls.alice = make_user("alice")
        cls.connection = make_connection(cls.alice)

    def asked(self, post: Post, *, task: str = TASK, draft: str | None = None) -> Image:
        """An image that the task asked a draft for; with `draft`, a new one."""
        image = make_image(post, draft=draft, batch_id=task, next_attempt_at=timezone.now())
        Image.objects.filter(pk=image.pk).update(captioned_at=None)
        return image

    def waiting(self) -> Post:
        """A post with one approved picture and one that the task asked a draft for."""
        post = make_post(self.connection)
        self.asked(post)
        actions.approve(make_image(post), text=TEXT, reviewer=self.alice)
        self.assertEqual(post.publications.get().status, Publication.Status.WAITING)
        return post

    def test_what_nobody_wants_any_more_lets_the_rest_of_its_post_go_out(self) -> None:
        post = self.waiting()

        self.assertEqual(drafts.withdraw(TASK), 1)

        publication = post.publications.get()
        self.assertEqual(publication.status, Publication.Status.QUEUED)
        self.assertTrue(Publication.objects.filter(next_attempt_at__lte=timezone.now()).exists())
        self.assertEqual(drafts.withdraw(TASK), 0)

    def test_what_another_task_or_a_reviewer_still_has_to_do_holds_the_post_back(self) -> None:
        for_another, for_review, for_redraft = (self.waiting() for _number in range(3))
        self.asked(for_another, task="another-task")
        make_image(for_review)
        redrafted = self.asked(for_redraft, draft="The draft so far.")

        drafts.withdraw(TASK)

        for post in (for_another, for_review, for_redraft):
            self.assertEqual(post.publications.get().status, Publication.Status.WAITING)
        self.assertTrue(Image.objects.awaiting_review().filter(pk=redrafted.pk).exists())

    def test_many_are_withdrawn_in_chunks(self) -> None:
        posts = [self.waiting() for _number in range(5)]
        for post in posts:
            self.asked(post)
        with mock.patch.object(drafts, "WITHDRAWN_AT_ONCE", 3):
            self.assertEqual(drafts.withdraw(TASK), 10)
        self.assertFalse(Image.objects.due().exists())
        self.assertEqual(Publication.objects.filter(status=Publication.Status.QUEUED).count(), 5)

    def test_as_many_as_are_wanted_at_once(self) -> None:
        for _number in range(3):
            self.waiting()
        self.assertEqual([drafts.withdraw(TASK, most=2) for _number in range(3)], [2, 1, 0])
        self.assertEqual(Publication.objects.filter(status=Publication.Status.QUEUED).count(), 3)

    def test_few_statements_for_many_posts_of_which_none_waits(self) -> None:
        for _number in range(50):
            self.asked(make_post(self.connection))
        with self.assertNumQueries(7):  # the images; then savepoint, lock, two updates, waiting ones, release
            drafts.withdraw(TASK)
