"""Decisions at the same moment. SQLite has one writer at a time, so these say something on real servers only."""

from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread

from django.db import connection
from django.test import TransactionTestCase, skipUnlessDBFeature
from django.utils import timezone

from accounts.models import User
from accounts.tests.people import make_user
from captions import actions, drafts
from captions.models import CaptionVersion, Image, Publication
from captions.tests.rows import add_member, make_connection, make_image, make_post

ROUNDS = 8


@skipUnlessDBFeature("has_select_for_update")
class RaceTests(TransactionTestCase):
    def setUp(self) -> None:
        self.alice, self.bob = make_user("alice"), make_user("bob")
        self.connection = make_connection(self.alice)
        add_member(self.connection, self.bob)

    def together(self, *works: Callable[[], object]) -> list[BaseException]:
        """Do all of them at the same moment; what they raised."""
        start, raised = Barrier(len(works)), list[BaseException]()

        def run(work: Callable[[], object]) -> None:
            start.wait()
            try:
                work()
            except actions.DecisionRefused as error:
                raised.append(error)
            finally:
                connection.close()

        threads = [Thread(target=run, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return raised

    def approving(self, image: Image, text: str, user: User) -> Callable[[], object]:
        return lambda: actions.approve(image, text=text, reviewer=user)

    def test_of_two_reviewers_of_one_picture_one_wins_and_the_other_is_told(self) -> None:
        for _round in range(ROUNDS):
            image = make_image(make_post(self.connection))

            raised = self.together(
                self.approving(image, "Text of Alice.", self.alice), self.approving(image, "Text of Bob.", self.bob)
            )

            self.assertEqual([type(error) for error in raised], [actions.AlreadyDecided])
            final = image.versions.get(kind=CaptionVersion.Kind.FINAL)
            image.refresh_from_db()
            self.assertEqual(image.final_caption, final.text)
            self.assertEqual(image.post.publications.count(), 1)

    def test_an_approval_and_a_rejection_of_one_picture_agree_on_one(self) -> None:
        for _round in range(ROUNDS):
            image = make_image(make_post(self.connection))

            raised = self.together(
                self.approving(image, "Text of Alice.", self.alice),
                lambda image=image: actions.reject(image, reason="no", reviewer=self.bob),  # type: ignore[misc]
            )

            self.assertEqual(len(raised), 1)
            image.refresh_from_db()
            approved = image.status == Image.Status.APPROVED
            self.assertEqual(image.post.publications.count(), int(approved))

    def failed(self) -> Image:
        return make_image(make_post(self.connection), draft=None, status=Image.Status.ERROR)

    def test_of_two_who_describe_a_failed_picture_by_hand_one_wins(self) -> None:
        for _round in range(ROUNDS):
            image = self.failed()

            raised = self.together(
                self.approving(image, "Text of Alice.", self.alice), self.approving(image, "Text of Bob.", self.bob)
            )

            self.assertEqual([type(error) for error in raised], [actions.AlreadyDecided])
            image.refresh_from_db()
            self.assertEqual(image.final_caption, image.versions.get().text)
            self.assertEqual(image.post.publications.count(), 1)

    def test_a_failed_picture_is_described_by_hand_or_drafted_again_and_the_other_is_told(self) -> None:
        for _round in range(ROUNDS):
            image = self.failed()

            raised = self.together(
                self.approving(image, "Text of Alice.", self.alice),
                lambda image=image: actions.requeue(image, user=self.bob),  # type: ignore[misc]
            )

            self.assertEqual([type(error) for error in raised], [actions.AlreadyDecided])
            self.assert_one_of_both(image, approved="not in error" in str(raised[0]))

    def redrafting(self) -> Image:
        """In a worker's hands for a new draft."""
        image = make_image(make_post(self.connection))
        actions.ask_again_for_draft(image, user=self.bob)
        claimed = drafts.claim(image.pk, timedelta(minutes=1))
        assert claimed is not None
        return claimed

    def test_an_approval_while_a_new_draft_is_recorded_wins_or_is_told_of_it(self) -> None:
        for _round in range(ROUNDS):
            image, recorded = self.redrafting(), list[bool]()
            seen = image.latest_version()
            new = drafts.Draft(text="Two boats.", engine="basic", model="1")

            raised = self.together(
                lambda image=image, seen=seen: actions.approve(  # type: ignore[misc]
                    image, text="Text of Alice.", reviewer=self.alice, seen=seen
                ),
                lambda image=image, new=new, recorded=recorded: recorded.append(  # type: ignore[misc]
                    drafts.record_draft(image.pk, image.attempts, new)
                ),
            )

            image.refresh_from_db()
            if raised:
                self.assertEqual(([type(error) for error in raised], recorded), ([actions.TextChanged], [True]))
                self.assertEqual((image.status, image.text), (Image.Status.PENDING, new.text))
            else:
                self.assertEqual((image.status, recorded), (Image.Status.APPROVED, [False]))
                self.assertFalse(image.versions.filter(text=new.text).exists())

    def test_an_approval_wins_over_a_worker_that_takes_the_picture_at_that_moment(self) -> None:
        for _round in range(ROUNDS):
            image, claimed = make_image(make_post(self.connection)), list[Image | None]()
            actions.ask_again_for_draft(image, user=self.bob)

            raised = self.together(
                self.approving(image, "Text of Alice.", self.alice),
                lambda image=image, claimed=claimed: claimed.append(  # type: ignore[misc]
                    drafts.claim(image.pk, timedelta(minutes=1))
                ),
            )

            self.assertEqual(raised, [])
            image.refresh_from_db()
            self.assertEqual((image.status, image.next_attempt_at), (Image.Status.APPROVED, None))
            for held in filter(None, claimed):
                self.assertFalse(drafts.record_failure(held.pk, held.attempts, "no", retry_at=None))

    def test_a_task_that_is_cancelled_while_a_new_draft_is_recorded_leaves_one_of_both(self) -> None:
        new = drafts.Draft(text="Two boats.", engine="basic", model="1")
        for round_ in range(ROUNDS):
            image, recorded = make_image(make_post(self.connection)), list[bool]()
            before = image.text
            drafts.ask_for_new_drafts([image.pk], f"task-{round_}")
            held = drafts.claim(image.pk, timedelta(minutes=1))
            assert held is not None

            self.together(
                lambda round_=round_: drafts.withdraw(f"task-{round_}"),  # type: ignore[misc]
                lambda held=held, recorded=recorded: recorded.append(  # type: ignore[misc]
                    drafts.record_draft(held.pk, held.attempts, new)
                ),
            )

            image.refresh_from_db()
            self.assertEqual(image.text, new.text if recorded[0] else before)
            self.assertFalse(Image.objects.asked_for().filter(pk=image.pk).exists())
            self.assertTrue(Image.objects.awaiting_review().filter(pk=image.pk).exists())

    def test_a_task_that_asks_again_for_all_that_failed_takes_none_that_is_decided_meanwhile(self) -> None:
        for _round in range(ROUNDS):
            image, asked = self.failed(), list[int]()

            raised = self.together(
                self.approving(image, "Text of Alice.", self.alice),
                lambda image=image, asked=asked: asked.append(  # type: ignore[misc]
                    drafts.ask_again(Image.objects.filter(pk=image.pk), "a-task")
                ),
            )

            self.assertEqual(asked, [len(raised)])
            self.assertTrue(all("being made" in str(error) for error in raised))
            self.assert_one_of_both(image, approved=not raised)

    def assert_one_of_both(self, image: Image, *, approved: bool) -> None:
        """Approved with all that belongs to it, or due for a draft with nothing of an approval."""
        image.refresh_from_db()
        self.assertEqual(image.status, Image.Status.APPROVED if approved else Image.Status.PENDING)
        self.assertEqual(Image.objects.due().filter(pk=image.pk).exists(), not approved)
        self.assertEqual((image.versions.count(), image.post.publications.count()), (int(approved), int(approved)))

    def test_the_two_pictures_of_a_post_approved_at_once_release_exactly_one_publication(self) -> None:
        for _round in range(ROUNDS):
            post = make_post(self.connection)
            first, second = make_image(post), make_image(post)

            raised = self.together(
                self.approving(first, "The first text.", self.alice),
                self.approving(second, "The second text.", self.bob),
            )

            self.assertEqual(raised, [])
            publication = Publication.objects.get(post=post)
            self.assertEqual(publication.status, Publication.Status.QUEUED)

    def test_a_cancelled_task_and_an_approval_at_once_leave_no_publication_waiting_for_nothing(self) -> None:
        for number in range(ROUNDS):
            post, task = make_post(self.connection), f"task-{number}"
            image = make_image(post)
            make_image(post, draft=None, batch_id=task, next_attempt_at=timezone.now())

            raised = self.together(
                self.approving(image, "The text.", self.alice),
                lambda task=task: drafts.withdraw(task),  # type: ignore[misc]
            )

            self.assertEqual(raised, [])
            self.assertEqual(Publication.objects.get(post=post).status, Publication.Status.QUEUED)

    def test_a_picture_is_reviewed_again_or_written_by_a_worker_and_never_both(self) -> None:
        for _round in range(ROUNDS):
            image = make_image(make_post(self.connection))
            actions.approve(image, text="The text.", reviewer=self.alice)
            publication, taken = Publication.objects.get(post=image.post), list[bool]()

            raised = self.together(
                lambda image=image: actions.reopen(image, user=self.bob),  # type: ignore[misc]
                lambda pk=publication.pk, taken=taken: taken.append(  # type: ignore[misc]
                    Publication.objects.claim(pk, timedelta(minutes=1))
                ),
            )

            self.assertEqual(taken, [len(raised) == 1])
            image.refresh_from_db()
            self.assertEqual(image.status, Image.Status.APPROVED if raised else Image.Status.PENDING)
            image.post.publications.update(leased_until=None)  # one account has one writer at a time
