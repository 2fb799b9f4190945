from datetime import timedelta
from typing import Any

from django.test import TestCase
from django.utils import timezone

from accounts.models import AuditLog, User
from accounts.roles import Role
from accounts.tests.people import make_user
from captions import actions, drafts
from captions.models import CaptionVersion, Image, Post, Publication
from captions.tests.rows import DRAFT, add_draft, add_member, make_connection, make_image, make_post
from platforms.models import PlatformConnection

TEXT = "A lighthouse with red and white stripes on a rock; waves break below it."


class ActionCase(TestCase):
    alice: User  # owns the connection
    connection: PlatformConnection

    @classmethod
    def setUpTestData(cls) -> None:
        cls.alice = make_user("alice")
        cls.connection = make_connection(cls.alice)


class ApproveTests(ActionCase):
    def test_it_keeps_the_text_the_draft_and_who_decided(self) -> None:
        image = make_image(make_post(self.connection))

        actions.approve(image, text=TEXT, reviewer=self.alice)

        image.refresh_from_db()
        self.assertEqual(image.status, Image.Status.APPROVED)
        self.assertEqual((image.generated_caption, image.reviewed_caption, image.final_caption), (DRAFT, TEXT, TEXT))
        self.assertIsNotNone(image.reviewed_at)
        final = image.versions.get(kind=CaptionVersion.Kind.FINAL)
        self.assertEqual((final.text, final.author, final.language), (TEXT, self.alice, "en"))
        entry = AuditLog.objects.get(action="caption_approved")
        self.assertEqual((entry.user, entry.entity_id), (self.alice, str(image.pk)))
        self.assertNotIn(TEXT, str(entry.details))

    def test_the_only_picture_of_a_post_is_queued_at_once(self) -> None:
        post = make_post(self.connection, edited_at="2026-11-01T10:00:00.000Z")

        decision = actions.approve(make_image(post), text=TEXT, reviewer=self.alice)

        publication = Publication.objects.get()
        self.assertEqual(decision, actions.Decision(publication, 0))
        self.assertEqual(publication.status, Publication.Status.QUEUED)
        self.assertEqual(publication.seen_edited_at, "2026-11-01T10:00:00.000Z")
        self.assertTrue(Publication.objects.filter(next_attempt_at__lte=timezone.now()).exists())
        self.assertIsNone(publication.requested_by)

    def test_a_post_is_published_once_all_its_pictures_are_decided(self) -> None:
        post = make_post(self.connection)
        first, second, third = (make_image(post) for _number in range(3))

        decision = actions.approve(first, text=TEXT, reviewer=self.alice)
        self.assertEqual(decision.waiting_for, 2)
        actions.approve(second, text=TEXT, reviewer=self.alice)
        self.assertEqual(Publication.objects.get().status, Publication.Status.WAITING)

        actions.reject(third, reason="decorative", reviewer=self.alice)
        self.assertEqual(Publication.objects.get().status, Publication.Status.QUEUED)

    def test_a_picture_that_is_to_be_drafted_holds_the_post_back_too(self) -> None:
        post = make_post(self.connection)
        make_image(post, draft=None, next_attempt_at=timezone.now())
        decision = actions.approve(make_image(post), text=TEXT, reviewer=self.alice)
        self.assertEqual(Publication.objects.get().status, Publication.Status.WAITING)
        self.assertEqual(decision.waiting_for, 1)

    def test_a_picture_that_nobody_asked_a_draft_for_holds_nothing_back(self) -> None:
        post = make_post(self.connection)
        make_image(post, draft=None)
        decision = actions.approve(make_image(post), text=TEXT, reviewer=self.alice)
        self.assertEqual(decision, actions.Decision(Publication.objects.get(status=Publication.Status.QUEUED), 0))

    def test_a_later_approval_opens_a_publication_of_its_own(self) -> None:
        post = make_post(self.connection)
        actions.approve(make_image(post), text=TEXT, reviewer=self.alice)
        Publication.objects.update(status=Publication.Status.POSTED)

        actions.approve(make_image(post), text=TEXT, reviewer=self.alice)

        self.assertEqual(Publication.objects.open().count(), 1)
        self.assertEqual(Publication.objects.count(), 2)

    def test_the_text_is_cleaned_before_it_is_judged_and_stored(self) -> None:
        image = make_image(make_post(self.connection))
        actions.approve(image, text="  One.\r\nTwo\u202e\x00.  ", reviewer=self.alice)
        image.refresh_from_db()
        self.assertEqual(image.final_caption, "One.\nTwo.")

    def test_the_reviewer_may_overrule_what_the_checks_only_warn_of(self) -> None:
        image = make_image(make_post(self.connection))
        actions.approve(image, text="I'm sorry, I cannot describe this image.", reviewer=self.alice)
        final = image.versions.get(kind=CaptionVersion.Kind.FINAL)
        self.assertEqual(final.score, 1)
        self.assertTrue(final.findings)

    def test_an_empty_text_is_refused(self) -> None:
        for text in ("", " \n ", "🎉", "…"):
            with self.subTest(text=text), self.assertRaises(actions.TextRefused) as refusal:
                actions.approve(make_image(make_post(self.connection)), text=text, reviewer=self.alice)
            self.assertEqual([finding.code for finding in refusal.exception.findings], ["empty"])
        self.assertFalse(Publication.objects.exists())

    def test_the_limit_of_the_server_counts_code_points(self) -> None:
        PlatformConnection.objects.update(alt_text_limit=20)
        image = make_image(make_post(self.connection))
        with self.assertRaises(actions.TextRefused):
            actions.approve(image, text="Twenty-one letters 🎉.", reviewer=self.alice)
        actions.approve(image, text="Twenty letters, x🎉.", reviewer=self.alice)

    def test_a_server_that_names_no_limit_gets_1500(self) -> None:
        PlatformConnection.objects.update(alt_text_limit=None)
        image = make_image(make_post(self.connection))
        with self.assertRaises(actions.TextRefused):
            actions.approve(image, text="x" * 1501, reviewer=self.alice)
        actions.approve(image, text="x" * 1500, reviewer=self.alice)

    def test_a_text_that_the_server_would_change_is_refused(self) -> None:
        pixelfed = {"platform_type": "pixelfed", "software": "pixelfed", "software_version": "0.11.13"}
        PlatformConnection.objects.update(**pixelfed)
        image = make_image(make_post(PlatformConnection.objects.get()))
        with self.assertRaises(actions.TextRefused) as refusal:
            actions.approve(image, text=f"<b>{TEXT}</b>", reviewer=self.alice)
        self.assertEqual([finding.code for finding in refusal.exception.findings], ["not-kept"])
        actions.approve(image, text=f"{TEXT} 2 < 3 & 4.", reviewer=self.alice)

    def test_the_second_decision_is_told_that_it_came_late(self) -> None:
        image = make_image(make_post(self.connection))
        actions.approve(image, text=TEXT, reviewer=self.alice)
        with self.assertRaisesMessage(actions.AlreadyDecided, "approved"):
            actions.approve(image, text="Another.", reviewer=self.alice)
        with self.assertRaises(actions.AlreadyDecided):
            actions.reject(image, reason="late", reviewer=self.alice)
        image.refresh_from_db()
        self.assertEqual(image.final_caption, TEXT)
        self.assertEqual(Publication.objects.count(), 1)

    def test_a_picture_that_still_gets_its_draft_cannot_be_decided(self) -> None:
        image = make_image(make_post(self.connection), draft=None)
        with self.assertRaisesMessage(actions.AlreadyDecided, "being made"):
            actions.approve(image, text=TEXT, reviewer=self.alice)

    def test_a_text_that_changed_meanwhile_is_a_conflict(self) -> None:
        image = make_image(make_post(self.connection))
        seen = image.versions.get()
        latest = add_draft(image, "A new draft.")

        with self.assertRaises(actions.TextChanged) as refusal:
            actions.approve(image, text=TEXT, reviewer=self.alice, seen=seen)

        self.assertEqual(refusal.exception.latest, latest)
        actions.approve(image, text=TEXT, reviewer=self.alice, seen=latest.pk)

    def test_a_page_that_saw_no_text_conflicts_with_the_first_one(self) -> None:
        image = make_image(make_post(self.connection))
        with self.assertRaises(actions.TextChanged):
            actions.approve(image, text=TEXT, reviewer=self.alice, seen=actions.NO_VERSION)

    def test_a_refused_decision_leaves_no_trace(self) -> None:
        image = make_image(make_post(self.connection))
        with self.assertRaises(actions.TextRefused):
            actions.approve(image, text="", reviewer=self.alice)
        image.refresh_from_db()
        self.assertEqual(image.status, Image.Status.PENDING)
        self.assertEqual(image.versions.count(), 1)
        self.assertFalse(AuditLog.objects.exists())


class ErrorTests(ActionCase):
    """A picture that no engine could describe is described by hand."""

    def failed(self, post: Post | None = None, **fields: Any) -> Image:
        known = {"draft": None, "status": Image.Status.ERROR, "processing_error": "Not a picture.", "attempts": 3}
        return make_image(post or make_post(self.connection), **known | fields)

    def test_an_approval_by_hand_is_kept_like_any_other(self) -> None:
        image = self.failed()

        decision = actions.approve(image, text=TEXT, reviewer=self.alice, seen=actions.NO_VERSION)

        image.refresh_from_db()
        self.assertEqual((image.status, image.final_caption), (Image.Status.APPROVED, TEXT))
        self.assertEqual((image.generated_caption, image.captioned_at), (None, None))
        self.assertEqual(image.versions.get().author, self.alice)
        self.assertEqual(AuditLog.objects.get(action="caption_approved").entity_id, str(image.pk))
        self.assertEqual(decision.publication, Publication.objects.get(status=Publication.Status.QUEUED))

    def test_a_rejection_closes_it(self) -> None:
        image = self.failed()
        actions.reject(image, reason="Purely decorative", reviewer=self.alice)
        image.refresh_from_db()
        self.assertEqual((image.status, image.reviewer_notes), (Image.Status.REJECTED, "Purely decorative"))
        self.assertEqual(AuditLog.objects.get().action, "caption_rejected")

    def test_undecided_it_does_not_hold_its_post_back(self) -> None:
        post = make_post(self.connection)
        self.failed(post)
        decision = actions.approve(make_image(post), text=TEXT, reviewer=self.alice)
        self.assertEqual(decision, actions.Decision(Publication.objects.get(status=Publication.Status.QUEUED), 0))

    def test_it_joins_the_publication_that_waits_for_other_pictures(self) -> None:
        post = make_post(self.connection)
        first, failed, last = make_image(post), self.failed(post), make_image(post)
        actions.approve(first, text=TEXT, reviewer=self.alice)

        decision = actions.approve(failed, text=TEXT, reviewer=self.alice)

        self.assertEqual(decision, actions.Decision(Publication.objects.get(status=Publication.Status.WAITING), 1))
        actions.reject(last, reason="no", reviewer=self.alice)
        self.assertEqual(Publication.objects.get().status, Publication.Status.QUEUED)

    def test_after_the_others_were_published_it_gets_a_publication_of_its_own(self) -> None:
        post = make_post(self.connection)
        actions.approve(make_image(post), text=TEXT, reviewer=self.alice)
        Publication.objects.update(status=Publication.Status.POSTED)
        actions.approve(self.failed(post), text=TEXT, reviewer=self.alice)
        self.assertEqual(Publication.objects.get(status=Publication.Status.QUEUED).post, post)

    def test_who_typed_while_it_was_drafted_again_is_told(self) -> None:
        image = self.failed()
        actions.requeue(image, user=self.alice)
        with self.assertRaisesMessage(actions.AlreadyDecided, "being made"):
            actions.approve(image, text=TEXT, reviewer=self.alice, seen=actions.NO_VERSION)
        with self.assertRaises(actions.AlreadyDecided):
            actions.reject(image, reason="no", reviewer=self.alice)

        self.assertTrue(Image.objects.claim(image.pk, timedelta(minutes=1)))
        self.assertTrue(drafts.record_draft(image.pk, 4, drafts.Draft(text=DRAFT, engine="basic", model="1")))
        with self.assertRaises(actions.TextChanged):
            actions.approve(image, text=TEXT, reviewer=self.alice, seen=actions.NO_VERSION)

    def test_no_page_is_approved_that_saw_less_than_the_latest_text_of_it(self) -> None:
        image = self.failed(original_caption="🎉")
        version = image.versions.create(kind=CaptionVersion.Kind.ORIGINAL, text="🎉")
        with self.assertRaises(actions.TextChanged):
            actions.approve(image, text=TEXT, reviewer=self.alice, seen=actions.NO_VERSION)
        actions.approve(image, text=TEXT, reviewer=self.alice, seen=version)

    def test_what_was_decided_by_hand_is_not_drafted_again(self) -> None:
        post = make_post(self.connection)
        approved, rejected, open_ = (self.failed(post, batch_id="a-task") for _number in range(3))
        actions.approve(approved, text=TEXT, reviewer=self.alice)
        actions.reject(rejected, reason="no", reviewer=self.alice)
        with self.assertRaises(actions.AlreadyDecided):
            actions.requeue(approved, user=self.alice)

        self.assertEqual(drafts.ask_again(Image.objects.filter(post=post), "another-task"), 1)

        pks = [approved.pk, rejected.pk, open_.pk]
        self.assertEqual(drafts.ask_for_drafts(pks, "another-task") + drafts.ask_for_new_drafts(pks, "a-third"), 0)
        found = dict(Image.objects.values_list("pk", "status"))
        self.assertEqual([found[pk] for pk in pks], ["approved", "rejected", "pending"])

    def test_no_worker_holds_what_a_person_can_decide(self) -> None:
        for image in (self.failed(), make_image(make_post(self.connection), attempts=3)):
            self.assertTrue(image.is_decidable)
            self.assertTrue(Image.objects.decidable_now().filter(pk=image.pk).exists())
            self.assertFalse(Image.objects.held(image.pk, 3).exists())
            self.assertFalse(Image.objects.claim(image.pk, timedelta(minutes=1)))
        others = [
            make_image(make_post(self.connection), status=status) for status in ("approved", "rejected", "posted")
        ]
        for image in (make_image(make_post(self.connection), draft=None), *others):
            self.assertFalse(image.is_decidable or Image.objects.decidable_now().filter(pk=image.pk).exists())


class RejectTests(ActionCase):
    def test_it_keeps_the_reason(self) -> None:
        image = make_image(make_post(self.connection))
        actions.reject(image, reason=" Purely decorative ", reviewer=self.alice)
        image.refresh_from_db()
        self.assertEqual((image.status, image.reviewer_notes), (Image.Status.REJECTED, "Purely decorative"))
        self.assertIsNone(image.final_caption)
        entry = AuditLog.objects.get(action="caption_rejected")
        self.assertEqual((entry.details or {})["reason"], "Purely decorative")

    def test_a_post_with_nothing_approved_gets_no_publication(self) -> None:
        decision = actions.reject(make_image(make_post(self.connection)), reason="no", reviewer=self.alice)
        self.assertEqual(decision, actions.Decision(None, 0))
        self.assertFalse(Publication.objects.exists())


class PermissionTests(ActionCase):
    def setUp(self) -> None:
        self.image = make_image(make_post(self.connection))

    def assert_refused(self, user: User) -> None:
        with self.assertRaises(actions.NotAllowed):
            actions.approve(self.image, text=TEXT, reviewer=user)
        with self.assertRaises(actions.NotAllowed):
            actions.reject(self.image, reason="no", reviewer=user)
        with self.assertRaises(actions.NotAllowed):
            actions.publish_now(self.image.post, user=user)
        with self.assertRaises(actions.NotAllowed):
            actions.reopen(self.image, user=user)
        with self.assertRaises(actions.NotAllowed):
            actions.requeue(self.image, user=user)
        self.image.refresh_from_db()
        self.assertEqual(self.image.status, Image.Status.PENDING)

    def test_outsiders_and_viewers_decide_nothing(self) -> None:
        viewer, member = make_user("vic", role=Role.VIEWER), make_user("mia")
        add_member(self.connection, viewer)
        add_member(self.connection, member, Role.VIEWER)
        for user in (make_user("otto"), viewer, member):
            with self.subTest(user=user.username):
                self.assert_refused(user)

    def test_somebody_who_was_switched_off_decides_nothing(self) -> None:
        self.alice.is_active = False
        self.assert_refused(self.alice)

    def test_members_who_review_and_moderators_decide(self) -> None:
        member = make_user("mona")
        add_member(self.connection, member)
        for user in (member, make_user("mod", role=Role.MODERATOR), make_user("root", role=Role.ADMIN)):
            with self.subTest(user=user.username):
                actions.approve(make_image(make_post(self.connection)), text=TEXT, reviewer=user)


class PublishNowTests(ActionCase):
    def test_it_goes_ahead_without_the_other_pictures(self) -> None:
        post = make_post(self.connection)
        actions.approve(make_image(post), text=TEXT, reviewer=self.alice)
        make_image(post)
        Publication.objects.update(status=Publication.Status.WAITING, next_attempt_at=None)

        publication = actions.publish_now(post, user=self.alice)

        publication.refresh_from_db()
        self.assertEqual(publication.status, Publication.Status.QUEUED)
        self.assertEqual(publication.requested_by, self.alice)
        self.assertIsNotNone(publication.next_attempt_at)
        self.assertEqual(actions.publish_now(post, user=self.alice), publication)
        self.assertEqual(AuditLog.objects.filter(action="publication_requested").count(), 1)

    def test_an_approved_picture_without_a_publication_gets_one(self) -> None:
        post = make_post(self.connection)
        actions.approve(make_image(post), text=TEXT, reviewer=self.alice)
        Publication.objects.update(status=Publication.Status.UNDONE)
        self.assertEqual(actions.publish_now(post, user=self.alice).status, Publication.Status.QUEUED)

    def test_nothing_approved_is_nothing_to_publish(self) -> None:
        post = make_post(self.connection)
        make_image(post)
        with self.assertRaises(actions.DecisionRefused):
            actions.publish_now(post, user=self.alice)
        self.assertFalse(Publication.objects.exists())

    def test_what_was_undone_is_reviewed_again_first(self) -> None:
        post = make_post(self.connection)
        image = undone(make_image(post), self.alice)
        with self.assertRaisesMessage(actions.DecisionRefused, "undone; review it again first"):
            actions.publish_now(post, user=self.alice)
        self.assertFalse(Publication.objects.open().exists())

        actions.reopen(image, user=self.alice)
        actions.approve(image, text=TEXT, reviewer=self.alice)
        self.assertEqual(actions.publish_now(post, user=self.alice).status, Publication.Status.QUEUED)

    def test_another_picture_of_a_post_of_which_one_was_undone_can_be_published(self) -> None:
        post = make_post(self.connection)
        undone(make_image(post), self.alice)
        make_image(post, status=Image.Status.APPROVED, final_caption=TEXT)
        self.assertEqual(actions.publish_now(post, user=self.alice).status, Publication.Status.QUEUED)

    def test_an_approved_picture_without_any_kept_text_can_be_published(self) -> None:
        post = make_post(self.connection)
        make_image(post, draft=None, status=Image.Status.APPROVED, final_caption=TEXT)
        self.assertEqual(actions.publish_now(post, user=self.alice).status, Publication.Status.QUEUED)


def undone(image: Image, reviewer: User) -> Image:
    """The image as it is after its publication, which was the only one of its post, was undone."""
    actions.approve(image, text=TEXT, reviewer=reviewer)
    texts = {image.remote_id: TEXT}
    image.post.publications.update(status=Publication.Status.UNDONE, next_attempt_at=None, texts=texts, before={})
    image.versions.create(kind=CaptionVersion.Kind.PUBLISHED, text=TEXT)
    image.versions.create(kind=CaptionVersion.Kind.UNDONE, text="")
    return image


class ReopenTests(ActionCase):
    def approved(self, post: Post | None = None, **fields: Any) -> Image:
        image = make_image(post or make_post(self.connection), **fields)
        actions.approve(image, text=TEXT, reviewer=self.alice)
        return image

    def test_an_approved_picture_awaits_review_again_with_the_text_that_was_approved(self) -> None:
        image = self.approved()

        actions.reopen(image, user=self.alice)

        image.refresh_from_db()
        self.assertTrue(Image.objects.awaiting_review().filter(pk=image.pk).exists())
        self.assertEqual((image.text, image.reviewed_caption, image.final_caption), (TEXT, TEXT, None))
        self.assertEqual((image.reviewed_at, image.claimed_by, image.claimed_until), (None, None, None))
        assert image.captioned_at is not None
        self.assertAlmostEqual(image.captioned_at, timezone.now(), delta=timedelta(minutes=1))
        entry = AuditLog.objects.get(action="caption_reopened")
        self.assertEqual((entry.user, entry.entity_id), (self.alice, str(image.pk)))

    def test_one_that_was_described_by_hand_awaits_review_too(self) -> None:
        image = self.approved(draft=None, status=Image.Status.ERROR, processing_error="Not a picture.")
        actions.reopen(image, user=self.alice)
        self.assertTrue(Image.objects.awaiting_review().filter(pk=image.pk).exists())

    def test_after_it_one_can_correct_or_reject(self) -> None:
        first, second = undone(make_image(make_post(self.connection)), self.alice), self.approved()
        for image in (first, second):
            actions.reopen(image, user=self.alice)
        actions.approve(first, text="The corrected text.", reviewer=self.alice)
        actions.reject(second, reason="Not to be published", reviewer=self.alice)
        first.refresh_from_db()
        second.refresh_from_db()
        self.assertEqual((first.status, first.final_caption), (Image.Status.APPROVED, "The corrected text."))
        self.assertEqual(second.status, Image.Status.REJECTED)
        self.assertEqual(Publication.objects.open().get().post, first.post)

    def test_no_engine_writes_over_the_text(self) -> None:
        image = self.approved()
        actions.reopen(image, user=self.alice)
        self.assertEqual(drafts.ask_for_new_drafts([image.pk], "a-task"), 0)

    def test_a_publication_of_which_nothing_is_left_goes(self) -> None:
        for status in Publication.OPEN:
            with self.subTest(status=status):
                image = self.approved()
                image.post.publications.update(status=status)
                actions.reopen(image, user=self.alice)
                self.assertFalse(image.post.publications.exists())

    def test_what_was_undone_of_the_post_keeps_no_publication_alive(self) -> None:
        post = make_post(self.connection)
        undone(make_image(post), self.alice)
        actions.reopen(self.approved(post), user=self.alice)
        self.assertFalse(Publication.objects.open().exists())

    def test_the_publication_of_the_others_waits_for_it_again(self) -> None:
        post = make_post(self.connection)
        first, second = make_image(post), make_image(post)
        actions.approve(first, text=TEXT, reviewer=self.alice)
        actions.approve(second, text=TEXT, reviewer=self.alice)
        Publication.objects.update(requested_by=self.alice)

        actions.reopen(first, user=self.alice)

        publication = Publication.objects.get()
        self.assertEqual(publication.status, Publication.Status.WAITING)
        self.assertEqual((publication.next_attempt_at, publication.requested_by), (None, None))
        actions.reject(first, reason="no", reviewer=self.alice)
        self.assertEqual(Publication.objects.get().status, Publication.Status.QUEUED)

    def test_a_publication_that_was_sent_once_is_kept_for_its_undo(self) -> None:
        image = self.approved()
        image.post.publications.update(before={"status": {}})
        actions.reopen(image, user=self.alice)
        self.assertEqual(Publication.objects.get().status, Publication.Status.WAITING)

    def test_publications_that_have_ended_stay_as_they_are(self) -> None:
        for status in (Publication.Status.REFUSED, Publication.Status.UNDONE):
            with self.subTest(status=status):
                image = self.approved()
                image.post.publications.update(status=status, next_attempt_at=None)
                actions.reopen(image, user=self.alice)
                self.assertEqual(image.post.publications.get().status, status)
                actions.approve(image, text=TEXT, reviewer=self.alice)
                self.assertEqual(image.post.publications.filter(status=Publication.Status.QUEUED).count(), 1)

    def test_while_a_worker_writes_to_the_post_nothing_is_changed(self) -> None:
        soon = timezone.now() + timedelta(minutes=1)
        for under_way in (
            {"leased_until": soon},
            {"leased_until": soon, "status": Publication.Status.UNDOING},
            {"sent_at": timezone.now(), "before": {}, "base": {}},  # the worker died: it may be on the server
        ):
            with self.subTest(publication=under_way):
                image = self.approved()
                image.post.publications.update(**under_way)
                with self.assertRaisesMessage(actions.AlreadyDecided, "being written to"):
                    actions.reopen(image, user=self.alice)
                image.refresh_from_db()
                self.assertEqual((image.status, image.final_caption), (Image.Status.APPROVED, TEXT))
                self.assertTrue(image.post.publications.exists())
        self.assertFalse(AuditLog.objects.filter(action="caption_reopened").exists())

    def test_a_lease_that_ran_out_holds_nothing(self) -> None:
        image = self.approved()
        image.post.publications.update(leased_until=timezone.now() - timedelta(seconds=1))
        actions.reopen(image, user=self.alice)
        self.assertTrue(Image.objects.awaiting_review().exists())

    def test_only_an_approved_one(self) -> None:
        for status, reason in (("posted", "Undo its publication"), ("rejected", "rejected"), ("pending", "pending")):
            image = make_image(make_post(self.connection), status=status)
            with self.subTest(status=status), self.assertRaisesMessage(actions.AlreadyDecided, reason):
                actions.reopen(image, user=self.alice)


class ClaimTests(ActionCase):
    def test_a_decision_ends_the_hold(self) -> None:
        image = make_image(make_post(self.connection))
        Image.objects.claim_for_review(image.pk, self.alice)
        actions.approve(image, text=TEXT, reviewer=self.alice)
        image.refresh_from_db()
        self.assertEqual((image.claimed_by, image.claimed_until), (None, None))

    def test_only_the_holder_lets_go(self) -> None:
        image = make_image(make_post(self.connection))
        Image.objects.claim_for_review(image.pk, self.alice)
        actions.release_claim(image, make_user("bob"))
        image.refresh_from_db()
        self.assertEqual(image.claimed_by, self.alice)
        actions.release_claim(image, self.alice)
        image.refresh_from_db()
        self.assertIsNone(image.claimed_by)


class RequeueTests(ActionCase):
    def test_a_failed_picture_falls_due_again(self) -> None:
        image = make_image(make_post(self.connection), draft=None, status=Image.Status.ERROR, failures=5, attempts=7)
        actions.requeue(image, user=self.alice)
        image.refresh_from_db()
        self.assertEqual((image.status, image.failures, image.attempts), (Image.Status.PENDING, 0, 7))
        self.assertTrue(Image.objects.due().filter(pk=image.pk).exists())

    def test_it_lets_go_of_the_picture(self) -> None:
        image = make_image(make_post(self.connection), draft=None, status=Image.Status.ERROR)
        self.assertTrue(Image.objects.claim_for_review(image.pk, self.alice))
        actions.requeue(image, user=self.alice)
        image.refresh_from_db()
        self.assertEqual((image.claimed_by, image.claimed_until), (None, None))

    def test_only_a_failed_one(self) -> None:
        image = make_image(make_post(self.connection))
        with self.assertRaises(actions.AlreadyDecided):
            actions.requeue(image, user=self.alice)
