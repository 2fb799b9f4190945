"""A new draft of a picture that has one: the old one stays until it is there, and a decision meanwhile wins."""

from datetime import timedelta

from django.test import TestCase
from django.utils import timezone

from accounts.models import AuditLog, User
from accounts.tests.people import make_user
from captions import actions, drafts, queue
from captions.drafts import Draft
from captions.models import CaptionVersion, Image, Publication
from captions.tests.rows import DRAFT, make_connection, make_image, make_post
from platforms.models import PlatformConnection

TEXT = "A lighthouse with red and white stripes on a rock; waves break below it."
NEW = Draft(text="A second look: two boats.", engine="basic", model="basic-1", language="en")
LEASE = timedelta(minutes=1)


class NewDraftCase(TestCase):
    alice: User
    bob: User
    connection: PlatformConnection

    @classmethod
    def setUpTestData(cls) -> None:
        cls.alice, cls.bob = make_user("alice"), make_user("bob")
        cls.connection = make_connection(cls.alice)

    def asked(self, **request: object) -> Image:
        image = make_image(make_post(self.connection))
        actions.ask_again_for_draft(image, user=self.alice, **request)  # type: ignore[arg-type]
        image.refresh_from_db()
        return image

    def claimed(self, **request: object) -> Image:
        """Asked for, and in the hands of a worker."""
        claimed = drafts.claim(self.asked(**request).pk, LEASE)
        assert claimed is not None
        return claimed

    def lapse(self, image: Image) -> None:
        Image.objects.filter(pk=image.pk).update(next_attempt_at=timezone.now() - timedelta(seconds=1))


class AskTests(NewDraftCase):
    def test_the_old_draft_can_be_read_and_decided_until_the_new_one_is_there(self) -> None:
        image = self.asked(instruction="shorter")
        before = Image.objects.get(pk=image.pk)
        self.assertTrue(image.is_decidable and image.is_redrafting)
        self.assertEqual(before.generated_caption, DRAFT)
        self.assertEqual(list(Image.objects.awaiting_review()), [image])
        self.assertEqual(list(Image.objects.due()), [image])
        self.assertEqual(list(Image.objects.asked_by_people()), [image])

    def test_a_new_draft_answers_the_request_and_the_old_text_stays_in_the_history(self) -> None:
        image = self.claimed(instruction="shorter", candidates=2)
        self.assertEqual((image.regenerate_instruction, image.candidates_wanted), ("shorter", 2))
        was = image.captioned_at

        self.assertTrue(drafts.record_draft(image.pk, image.attempts, NEW, candidates=[NEW, NEW]))

        image.refresh_from_db()
        self.assertEqual(image.text, NEW.text)
        self.assertFalse(image.is_redrafting or image.redraft_failure or image.regenerate_instruction)
        self.assertNotEqual(image.captioned_at, was)
        self.assertFalse(Image.objects.asked_for().exists())
        kinds = list(image.versions.order_by("pk").values_list("kind", "text"))
        self.assertEqual(kinds[:2], [("generated", DRAFT), ("generated", NEW.text)])
        self.assertEqual([kind for kind, _text in kinds[2:]], ["candidate", "candidate"])

    def test_who_asked_for_it_keeps_the_place_in_the_queue(self) -> None:
        _before, image, after = (make_image(make_post(self.connection)) for _number in range(3))
        actions.ask_again_for_draft(image, user=self.alice, instruction="shorter")
        claimed = drafts.claim(image.pk, LEASE)
        assert claimed is not None
        drafts.record_draft(image.pk, claimed.attempts, NEW)

        image.refresh_from_db()
        actions.approve(image, text=TEXT, reviewer=self.alice)
        following = queue.next_to_decide(queue.Scope(None), self.alice, queue.State.AWAITING, image)
        self.assertEqual(following, after)

    def test_it_is_in_the_audit_log_but_not_the_words_which_may_name_people(self) -> None:
        self.asked(instruction="name my daughter\nAnna")
        row = AuditLog.objects.latest("pk")
        self.assertEqual(row.action, "new_draft_requested")
        self.assertIn("'told': 21", str(row.details))
        self.assertNotIn("Anna", str(AuditLog.objects.filter(action="new_draft_requested").values()))

    def test_only_those_who_may_decide_can_ask(self) -> None:
        image = make_image(make_post(self.connection))
        with self.assertRaises(actions.NotAllowed):
            actions.ask_again_for_draft(image, user=self.bob)
        self.assertFalse(Image.objects.asked_for().exists())

    def test_an_instruction_has_an_end(self) -> None:
        image = make_image(make_post(self.connection))
        for request in ({"instruction": "x" * 501}, {"candidates": 4}, {"candidates": -1}):
            with self.assertRaises(actions.InstructionRefused):
                actions.ask_again_for_draft(image, user=self.alice, **request)

    def test_a_decided_picture_is_not_drafted_again(self) -> None:
        image = make_image(make_post(self.connection))
        actions.approve(image, text=TEXT, reviewer=self.alice)
        with self.assertRaises(actions.AlreadyDecided):
            actions.ask_again_for_draft(image, user=self.alice)

    def test_a_picture_in_error_is_drafted_once_more_with_the_instruction(self) -> None:
        image = make_image(make_post(self.connection), draft=None, status=Image.Status.ERROR)
        actions.ask_again_for_draft(image, user=self.alice, instruction="name the painting")
        claimed = drafts.claim(image.pk, LEASE)
        assert claimed is not None
        self.assertEqual(claimed.regenerate_instruction, "name the painting")
        self.assertFalse(claimed.is_redrafting)

    def test_the_latest_request_counts_and_an_answer_to_an_earlier_one_is_dropped(self) -> None:
        first = self.claimed(instruction="shorter")
        actions.ask_again_for_draft(first, user=self.alice, instruction="longer")
        self.assertFalse(drafts.record_draft(first.pk, first.attempts, NEW))
        second = drafts.claim(first.pk, LEASE)
        assert second is not None
        self.assertEqual(second.regenerate_instruction, "longer")
        self.assertTrue(drafts.record_draft(second.pk, second.attempts, NEW))

    def test_candidates_leave_the_draft_and_the_page_in_front_of_it_alone(self) -> None:
        image = self.claimed(candidates=2)
        seen = image.latest_version()
        self.assertTrue(drafts.record_candidates(image.pk, image.attempts, [NEW]))
        image.refresh_from_db()
        self.assertEqual(image.text, DRAFT)
        self.assertEqual(image.latest_version(), seen)
        self.assertFalse(Image.objects.asked_for().exists())
        actions.approve(image, text=TEXT, reviewer=self.alice, seen=seen)


class DecisionTests(NewDraftCase):
    def test_a_decision_meanwhile_wins_and_the_late_draft_is_dropped(self) -> None:
        for approves in (True, False):
            image = self.claimed()
            if approves:
                actions.approve(image, text=TEXT, reviewer=self.alice)
            else:
                actions.reject(image, reason="no", reviewer=self.alice)
            self.assertFalse(drafts.record_draft(image.pk, image.attempts, NEW))
            self.assertFalse(drafts.record_failure(image.pk, image.attempts, "down", retry_at=None))
            self.assertEqual(image.versions.filter(text=NEW.text).count(), 0)
            self.assertFalse(Image.objects.filter(pk=image.pk).exclude(regenerate_asked_at=None).exists())

    def test_nor_does_it_come_after_the_approval_was_taken_back(self) -> None:
        image = self.claimed()
        actions.approve(image, text=TEXT, reviewer=self.alice)
        actions.reopen(image, user=self.alice)
        self.assertFalse(drafts.record_draft(image.pk, image.attempts, NEW))

    def test_who_saw_only_the_old_draft_is_told_of_the_new_one(self) -> None:
        image = self.claimed()
        seen = image.latest_version()
        drafts.record_draft(image.pk, image.attempts, NEW)
        with self.assertRaises(actions.TextChanged) as refused:
            actions.approve(image, text=TEXT, reviewer=self.alice, seen=seen)
        self.assertEqual(refused.exception.latest.text, NEW.text)  # type: ignore[union-attr]


class FailureTests(NewDraftCase):
    def test_a_failure_leaves_the_old_draft_and_says_so(self) -> None:
        image = self.claimed(instruction="shorter")
        was = image.captioned_at
        self.assertTrue(drafts.record_failure(image.pk, image.attempts, "The engine refused.", retry_at=None))
        image.refresh_from_db()
        self.assertEqual((image.text, image.captioned_at), (DRAFT, was))
        self.assertEqual(image.redraft_failure, "The engine refused.")
        self.assertFalse(image.is_redrafting)
        self.assertEqual(image.status, Image.Status.PENDING)
        self.assertFalse(Image.objects.asked_for().exists())
        self.assertEqual(image.regenerate_instruction, "shorter")

    def test_another_attempt_is_waited_for_while_the_request_lasts(self) -> None:
        image = self.claimed()
        later = timezone.now() + timedelta(hours=1)
        self.assertTrue(drafts.record_failure(image.pk, image.attempts, "Down.", retry_at=later))
        image.refresh_from_db()
        self.assertTrue(image.is_redrafting)
        self.assertEqual((image.next_attempt_at, image.redraft_failure), (later, ""))
        self.assertFalse(Image.objects.due().exists())

    def test_a_worker_that_dies_lets_go_of_it(self) -> None:
        first = self.claimed()
        self.assertIsNone(drafts.claim(first.pk, LEASE))
        self.lapse(first)
        second = drafts.claim(first.pk, LEASE)
        assert second is not None
        self.assertEqual(second.failures, 2)
        self.assertFalse(drafts.record_draft(first.pk, first.attempts, NEW))
        self.assertTrue(drafts.record_draft(second.pk, second.attempts, NEW))

    def test_the_next_request_starts_with_a_clean_count(self) -> None:
        image = self.claimed()
        drafts.record_failure(image.pk, image.attempts, "No.", retry_at=None)
        actions.ask_again_for_draft(image, user=self.alice)
        image.refresh_from_db()
        self.assertEqual((image.failures, image.processing_error), (0, None))


class TaskTests(NewDraftCase):
    def test_a_task_that_is_cancelled_takes_its_requests_back_and_not_those_of_people(self) -> None:
        by_task = make_image(make_post(self.connection))
        by_alice = make_image(make_post(self.connection), batch_id="a-task")
        self.assertEqual(drafts.ask_for_new_drafts([by_task.pk], "a-task"), 1)
        actions.ask_again_for_draft(by_alice, user=self.alice)
        was = Image.objects.get(pk=by_task.pk).captioned_at
        held = drafts.claim(by_task.pk, LEASE)
        assert held is not None

        self.assertEqual(drafts.withdraw("a-task"), 1)

        self.assertFalse(drafts.record_draft(held.pk, held.attempts, NEW))
        by_task.refresh_from_db()
        self.assertEqual((by_task.captioned_at, by_task.text, by_task.is_redrafting), (was, DRAFT, False))
        self.assertEqual(list(Image.objects.asked_for()), [by_alice])

    def test_a_task_leaves_what_a_person_asked_for(self) -> None:
        image = self.asked(instruction="shorter")
        self.assertEqual(drafts.ask_for_new_drafts([image.pk], "a-task"), 0)
        image.refresh_from_db()
        self.assertEqual(image.regenerate_instruction, "shorter")

    def test_an_approved_picture_of_the_same_post_waits_as_for_any_that_awaits_review(self) -> None:
        post = make_post(self.connection)
        approved, other = make_image(post), make_image(post, batch_id="a-task")
        drafts.ask_for_new_drafts([other.pk], "a-task")
        actions.approve(approved, text=TEXT, reviewer=self.alice)
        self.assertEqual(post.publications.get().status, Publication.Status.WAITING)
        drafts.withdraw("a-task")
        self.assertEqual(post.publications.get().status, Publication.Status.WAITING)
        actions.approve(other, text=TEXT, reviewer=self.alice)
        self.assertEqual(post.publications.get().status, Publication.Status.QUEUED)


class VersionTests(NewDraftCase):
    def test_a_draft_keeps_how_it_came_about(self) -> None:
        image = self.claimed(instruction="shorter")
        drafted = Draft(
            text="Zwei Boote.\n\nTwo boats.",
            engine="fake",
            model="fake-1",
            language="de",
            category="photo",
            parts=[{"language": "de", "text": "Zwei Boote."}, {"language": "en", "text": "Two boats."}],
            confidence=-0.25,
            temperature=0.7,
            instruction="shorter",
            proposed_decorative=True,
            visible_text="Harbour",
        )
        drafts.record_draft(image.pk, image.attempts, drafted)
        version = image.versions.filter(kind=CaptionVersion.Kind.GENERATED).latest("pk")
        self.assertEqual(version.parts, drafted.parts)
        self.assertEqual((version.instruction, version.category, version.temperature), ("shorter", "photo", 0.7))
        image.refresh_from_db()
        self.assertTrue(image.proposed_decorative)
        self.assertEqual(image.visible_text, "Harbour")
