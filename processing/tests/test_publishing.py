from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.models import AuditLog
from captions import actions
from captions.models import CaptionVersion, Image, Publication
from platforms.clients.base import BeforeEach, PlatformClient, PlatformUnavailable, Snapshot, nothing
from platforms.models import Family, PlatformConnection
from platforms.sandbox.testing import Picture
from platforms.speaking import client_for
from processing.publishing import Result, leases, outcomes, publish_publication, requests
from processing.tests import cast
from processing.tests.publishing_case import TEXT, DyingAfterTheWrite, Killed, PublishingCase, Wrapper, own_traffic


class WriteTests(PublishingCase):
    def test_it_writes_the_alt_texts_and_nothing_else_changes(self) -> None:
        pictures = [
            Picture(),
            Picture("Mine: an old harbour.", focus="0.5,-0.25"),
            Picture(focus="-0.1,0.2"),
            Picture(),
        ]
        status_id = self.sandbox.add_status(
            TEXT,
            pictures=pictures,
            spoiler_text="harbour, boats",
            sensitive=True,
            language="de",
            visibility="unlisted",
            quote_policy="followers",
        )
        before = self.sandbox.status(status_id)
        _post, texts = self.approved(status_id)

        result = publish_publication(cast.only_publication().pk)

        after = self.sandbox.status(status_id)
        self.assertEqual(result, Result.POSTED)
        self.assertEqual(
            [one["id"] for one in after["media_attachments"]], [one["id"] for one in before["media_attachments"]]
        )
        for was, now in zip(before["media_attachments"], after["media_attachments"], strict=True):
            self.assertEqual(now, {**was, "description": texts.get(was["id"], was["description"])})
        changed = {"media_attachments", "edited_at"}
        self.assertEqual(
            {k: v for k, v in after.items() if k not in changed}, {k: v for k, v in before.items() if k not in changed}
        )
        self.assertEqual(self.sandbox.edits(status_id), 1)

    def test_the_rows_say_posted_only_after_it_was_read_back(self) -> None:
        status_id = self.sandbox.add_status(pictures=2)
        post, texts = self.approved(status_id)

        publish_publication(cast.only_publication().pk)

        publication = cast.only_publication()
        self.assertEqual(publication.status, Publication.Status.POSTED)
        self.assertIsNotNone(publication.verified_at)
        self.assertEqual(publication.texts, texts)
        self.assertEqual(set(post.images.values_list("status", flat=True)), {Image.Status.POSTED})
        self.assertEqual(CaptionVersion.objects.filter(kind=CaptionVersion.Kind.PUBLISHED).count(), 2)
        self.assertTrue(AuditLog.objects.filter(action="published").exists())
        post.refresh_from_db()
        self.assertEqual(post.edited_at, self.sandbox.status(status_id)["edited_at"])

    def test_a_second_call_writes_nothing(self) -> None:
        status_id = self.sandbox.add_status()
        self.approved(status_id)
        pk = cast.only_publication().pk
        publish_publication(pk)

        self.assertEqual(publish_publication(pk), Result.NOT_DUE)
        self.assertEqual(self.writes(), 1)

    def test_a_text_that_is_there_already_is_not_written_again(self) -> None:
        status_id = self.sandbox.add_status()
        _post, texts = self.approved(status_id)
        self.write_by_hand(status_id, texts)

        self.assertEqual(publish_publication(cast.only_publication().pk), Result.POSTED)
        self.assertEqual(self.writes(), 1)

    def test_a_picture_approved_meanwhile_gets_a_publication_of_its_own(self) -> None:
        status_id = self.sandbox.add_status(pictures=2)
        post, images = cast.drafted_post(self.connection, self.sandbox, status_id)
        late = images[1]
        Image.objects.filter(pk=late.pk).update(status=Image.Status.ERROR)
        cast.approve_all(images[:1], self.reviewer)

        class Approving(Wrapper):
            def write_alt_texts(
                inner,  # noqa: N805
                before: Snapshot,
                texts: Mapping[str, str],
                *,
                before_each: BeforeEach = nothing,
            ) -> None:
                Image.objects.filter(pk=late.pk).update(status=Image.Status.PENDING)
                actions.approve(Image.objects.get(pk=late.pk), text="A late text.", reviewer=self.reviewer)
                super().write_alt_texts(before, texts, before_each=before_each)

        first = cast.only_publication()
        publish_publication(first.pk, client_factory=lambda row: Approving(client_for(row)))
        second = Publication.objects.exclude(pk=first.pk).get()

        self.assertEqual(publish_publication(second.pk), Result.POSTED)
        self.assertEqual(self.alt_texts(status_id)[1], "A late text.")
        self.assertEqual(set(post.images.values_list("status", flat=True)), {Image.Status.POSTED})


class ScanOptionTests(PublishingCase):
    """What a scan looks for is no reason to refuse a text that was approved; what may be touched is."""

    def after(self, status_id: str, **options: Any) -> Result:
        self.approved(status_id)
        PlatformConnection.objects.update(**options)
        return publish_publication(cast.only_publication().pk)

    def test_a_post_that_grew_too_old_for_scans_is_written_to(self) -> None:
        posted = timezone.now() - timedelta(days=31)
        self.assertEqual(self.after(self.sandbox.add_status(created_at=posted), oldest_days=30), Result.POSTED)

    def test_a_post_without_the_tags_of_scans_is_written_to(self) -> None:
        self.assertEqual(self.after(self.sandbox.add_status("A boat."), only_tags="birds"), Result.POSTED)

    def test_a_quiet_public_post_is_written_to_though_scans_leave_those_out(self) -> None:
        status_id = self.sandbox.add_status(visibility="unlisted")
        self.assertEqual(self.after(status_id, include_unlisted=False), Result.POSTED)

    def test_a_reply_is_written_to_though_scans_leave_those_out(self) -> None:
        other = self.sandbox.add_status("A star.", username="observatory")
        status_id = self.sandbox.add_status("@observatory A boat.", in_reply_to_id=other)
        self.assertEqual(self.after(status_id, include_replies=False), Result.POSTED)

    def test_a_tag_that_opts_out_by_now_is_respected(self) -> None:
        status_id = self.sandbox.add_status("A boat. #mine")
        self.assertEqual(self.after(status_id, opt_out_tags="mine"), Result.REFUSED)

    def test_a_post_of_another_account_is_not_written_to(self) -> None:
        status_id = self.sandbox.add_status("A boat.")
        self.assertEqual(self.after(status_id, account_id="4711"), Result.REFUSED)
        self.assertIn("not one of the connected account", cast.only_publication().error)


class RefusalTests(PublishingCase):
    def assert_refused(self, reason: str, *, writes: int = 0) -> Publication:
        publication = cast.only_publication()
        self.assertEqual(publish_publication(publication.pk), Result.REFUSED)
        publication.refresh_from_db()
        self.assertEqual(publication.status, Publication.Status.REFUSED)
        self.assertIn(reason, publication.error)
        self.assertEqual(self.writes(), writes)
        self.assertEqual(set(publication.post.images.values_list("status", flat=True)), {Image.Status.APPROVED})
        return publication

    def test_a_post_with_a_poll_is_never_edited(self) -> None:
        self.approved(self.sandbox.add_status(poll=["yes", "no"]))
        self.assert_refused("poll")

    def test_a_deleted_post_is_said_to_be_gone(self) -> None:
        status_id = self.sandbox.add_status()
        self.approved(status_id)
        self.sandbox.delete_status(status_id)
        self.assert_refused("delete")

    def test_a_post_edited_since_the_review_is_left_alone_until_a_person_has_looked(self) -> None:
        status_id = self.sandbox.add_status("Before.")
        post, _texts = self.approved(status_id)
        self.sandbox.edit_text(status_id, "After.")
        publication = self.assert_refused("edited after it was reviewed")
        post.refresh_from_db()
        self.assertEqual(post.post_content, "After.")

        requests.retry(cast.only_publication(), user=self.reviewer)

        self.assertEqual(publish_publication(publication.pk), Result.POSTED)
        self.assertEqual(self.sandbox.status(status_id)["text"], "After.")

    def test_an_alt_text_that_somebody_else_wrote_is_never_overwritten(self) -> None:
        status_id = self.sandbox.add_status()
        post, texts = self.approved(status_id)
        self.write_by_hand(status_id, dict.fromkeys(texts, "By the author."))
        publication = self.assert_refused("edited after it was reviewed", writes=1)
        requests.retry(cast.only_publication(), user=self.reviewer)

        self.assertEqual(publish_publication(publication.pk), Result.REFUSED)

        self.assertIn("somebody else wrote", cast.only_publication().error)
        self.assertEqual(self.alt_texts(status_id), ["By the author."])
        image = post.images.get()
        self.assertEqual((image.status, image.remote_alt_text), (Image.Status.REJECTED, "By the author."))

    def test_one_picture_that_cannot_be_written_does_not_hold_back_the_others(self) -> None:
        status_id = self.sandbox.add_status(pictures=3)
        _post, texts = self.approved(status_id)
        first, *others = texts
        self.write_by_hand(status_id, {first: "By the author."})
        publication = self.assert_refused("edited after it was reviewed", writes=1)
        requests.retry(cast.only_publication(), user=self.reviewer)

        self.assertEqual(publish_publication(publication.pk), Result.POSTED)

        self.assertEqual(self.alt_texts(status_id), ["By the author.", *(texts[key] for key in others)])

    def test_a_post_that_opted_out_since_is_left_alone(self) -> None:
        status_id = self.sandbox.add_status("Before.")
        self.approved(status_id)
        self.sandbox.edit_text(status_id, "Not for machines. #noai")
        publication = self.assert_refused("edited after it was reviewed")
        requests.retry(cast.only_publication(), user=self.reviewer)

        self.assertEqual(publish_publication(publication.pk), Result.REFUSED)
        self.assertIn("#noai", cast.only_publication().error)
        self.assertEqual(self.writes(), 0)

    def test_other_software_is_never_written_to(self) -> None:
        status_id = self.sandbox.add_status()
        PlatformConnection.objects.update(platform_type=Family.UNKNOWN, software="gotosocial")
        self.approved(status_id, PlatformConnection.objects.get())
        self.assert_refused("gotosocial")

    def test_an_edit_that_the_server_lost_raises_an_alarm_and_stops_the_queue(self) -> None:
        status_id = self.sandbox.add_status(pictures=2)
        self.approved(status_id)
        self.approved(self.sandbox.add_status())
        lost, other = Publication.objects.order_by("pk")
        self.sandbox.fault("drop_alt", method="PUT", path_prefix=f"/api/v1/statuses/{status_id}")

        self.assertEqual(publish_publication(lost.pk), Result.REFUSED)

        lost.refresh_from_db()
        self.connection.refresh_from_db()
        self.assertIn("alt text", lost.error)
        self.assertTrue(self.connection.attention)
        self.assertEqual(publish_publication(other.pk), Result.NOT_DUE)
        self.assertTrue(AuditLog.objects.filter(action="publication_alarm").exists())


class TroubleTests(PublishingCase):
    def test_an_outage_is_tried_again_later_and_the_post_is_edited_once(self) -> None:
        status_id = self.sandbox.add_status()
        self.approved(status_id)
        publication = cast.only_publication()
        self.sandbox.fault(503, path_prefix="/api/v1/statuses", times=1)

        self.assertEqual(publish_publication(publication.pk), Result.LATER)
        publication.refresh_from_db()
        self.assertEqual((publication.status, publication.failures), (Publication.Status.QUEUED, 1))
        self.assertTrue(publication.error)
        self.assertEqual(publish_publication(publication.pk), Result.NOT_DUE)

        self.lapse(publication)
        self.assertEqual(publish_publication(publication.pk), Result.POSTED)
        self.assertEqual(self.sandbox.edits(status_id), 1)

    def test_the_wait_that_the_server_asks_for_is_kept(self) -> None:
        self.approved(self.sandbox.add_status())
        publication = cast.only_publication()
        self.sandbox.fault(429, path_prefix="/api/v1/statuses", retry_after=600)
        asked = timezone.now()

        publish_publication(publication.pk)

        publication.refresh_from_db()
        assert publication.next_attempt_at is not None
        self.assertGreaterEqual((publication.next_attempt_at - asked).total_seconds(), 600)
        self.assertEqual((publication.status, publication.failures), (Publication.Status.QUEUED, 0))

    def test_a_long_wait_that_the_server_asks_for_is_kept_too(self) -> None:
        own_traffic(self)
        self.approved(self.sandbox.add_status())
        publication = cast.only_publication()
        self.sandbox.fault(429, path_prefix="/api/v1/statuses", retry_after=7200)
        asked = timezone.now()

        publish_publication(publication.pk)

        publication.refresh_from_db()
        self.connection.refresh_from_db()
        for moment in (publication.next_attempt_at, self.connection.paused_until):
            assert moment is not None
            self.assertGreaterEqual((moment - asked).total_seconds(), 7199)

    def test_a_server_that_asks_for_a_pause_is_left_alone_by_the_whole_account(self) -> None:
        forget_traffic = own_traffic(self)
        self.approved(self.sandbox.add_status())
        self.approved(self.sandbox.add_status())
        first, second = Publication.objects.order_by("pk")
        self.sandbox.fault(429, path_prefix="/api/v1/statuses", retry_after=600)
        publish_publication(first.pk)

        self.assertEqual(publish_publication(second.pk), Result.NOT_DUE)

        PlatformConnection.objects.update(paused_until=timezone.now())
        forget_traffic()
        self.assertEqual(publish_publication(second.pk), Result.POSTED)

    def test_a_short_wait_does_not_end_a_longer_pause(self) -> None:
        self.approved(self.sandbox.add_status())
        publication = leases.claim(cast.only_publication().pk)
        assert publication is not None
        longer = timezone.now() + timedelta(hours=1)
        PlatformConnection.objects.update(paused_until=longer)

        outcomes.postpone(publication, PlatformUnavailable("Slower.", retry_after=3))

        self.assertEqual(PlatformConnection.objects.get().paused_until, longer)

    def test_a_pause_holds_for_others_connections_to_the_account_too(self) -> None:
        self.approved(self.sandbox.add_status())
        other = cast.connect(cast.make_user("otto"), self.sandbox)
        self.sandbox.fault(429, path_prefix="/api/v1/statuses", retry_after=600)

        publish_publication(cast.only_publication().pk)

        other.refresh_from_db()
        self.assertIsNotNone(other.paused_until)

    def test_a_mistake_of_ours_is_on_the_row_and_tried_again_later(self) -> None:
        self.approved(self.sandbox.add_status())

        def broken(connection: PlatformConnection) -> PlatformClient:
            raise RuntimeError("a bug")

        with self.assertLogs("processing.publishing", "ERROR"):
            result = publish_publication(cast.only_publication().pk, client_factory=broken)
        publication = cast.only_publication()
        self.assertEqual((result, publication.failures), (Result.LATER, 1))
        self.assertIn("Something went wrong", publication.error)

    def test_it_gives_up_after_many_failures_with_the_reason(self) -> None:
        self.approved(self.sandbox.add_status())
        Publication.objects.update(failures=leases.FAILURES_MOST - 1)
        self.sandbox.fault(503, path_prefix="/api/v1/statuses")

        self.assertEqual(publish_publication(cast.only_publication().pk), Result.REFUSED)
        self.assertIn(str(leases.FAILURES_MOST), cast.only_publication().error)

    def test_a_revoked_token_loses_nothing_and_tells_the_owner(self) -> None:
        self.approved(self.sandbox.add_status())
        self.sandbox.revoke(self.sandbox.token)
        publication = cast.only_publication()

        self.assertEqual(publish_publication(publication.pk), Result.LATER)
        publication.refresh_from_db()
        self.connection.refresh_from_db()
        self.assertEqual(publication.status, Publication.Status.QUEUED)
        self.assertTrue(self.connection.attention)

        self.connection.access_token = self.sandbox.issue_token()
        self.connection.attention = None
        self.connection.save(update_fields=["access_token", "attention"])
        self.assertEqual(publish_publication(publication.pk), Result.POSTED)


class CrashTests(PublishingCase):
    def test_a_worker_that_dies_right_after_the_edit_leaves_it_to_be_found(self) -> None:
        status_id = self.sandbox.add_status(pictures=2)
        self.approved(status_id)
        publication = cast.only_publication()
        with self.assertRaises(Killed):
            publish_publication(publication.pk, client_factory=lambda row: DyingAfterTheWrite(client_for(row)))
        self.lapse(publication)

        self.assertEqual(publish_publication(publication.pk), Result.POSTED)
        self.assertEqual((self.writes(), self.sandbox.edits(status_id)), (1, 1))

    def test_a_worker_that_wakes_after_its_lease_writes_nothing(self) -> None:
        self.approved(self.sandbox.add_status())
        publication = cast.only_publication()

        class Slow(Wrapper):
            def snapshot(inner, status_id: str) -> Snapshot:  # noqa: N805
                found = super().snapshot(status_id)
                self.lapse(publication)
                return found

        result = publish_publication(publication.pk, client_factory=lambda row: Slow(client_for(row)))

        self.assertEqual((result, self.writes()), (Result.LEASE_LOST, 0))
        self.assertEqual(publish_publication(publication.pk), Result.POSTED)
        self.assertEqual(self.writes(), 1)

    def test_a_worker_that_wakes_while_another_holds_the_publication_writes_nothing(self) -> None:
        self.approved(self.sandbox.add_status())
        publication = cast.only_publication()

        class Overtaken(Wrapper):
            def snapshot(inner, status_id: str) -> Snapshot:  # noqa: N805
                found = super().snapshot(status_id)
                self.lapse(publication)
                assert leases.claim(publication.pk) is not None
                return found

        result = publish_publication(publication.pk, client_factory=lambda row: Overtaken(client_for(row)))

        publication.refresh_from_db()
        self.assertEqual((result, self.writes()), (Result.LEASE_LOST, 0))
        self.assertEqual((publication.before, publication.attempts), (None, 2))

    def test_one_account_has_one_writer_at_a_time(self) -> None:
        self.approved(self.sandbox.add_status())
        self.approved(self.sandbox.add_status())
        first, second = Publication.objects.order_by("pk")
        self.assertIsNotNone(leases.claim(first.pk))

        self.assertEqual(publish_publication(second.pk), Result.NOT_DUE)
        self.lapse(first)
        self.assertEqual(publish_publication(second.pk), Result.POSTED)
