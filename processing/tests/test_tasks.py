import json
from collections.abc import Iterator
from typing import Any

from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditLog
from accounts.roles import Role
from captions import actions as decisions
from captions.models import Image, Post
from platforms import actions as platforms
from platforms.clients import entities
from platforms.clients.base import PlatformClient, Status, UnreadableStatus
from platforms.models import PlatformConnection
from platforms.sandbox.testing import Picture
from platforms.speaking import client_for
from processing import actions, leases, lifecycle, stopping
from processing.models import CaptionGenerationTask, CaptionGenerationUserSettings, ProcessingRun
from processing.running import run_task
from processing.tests import cast
from processing.tests.tasks_case import FakeEngine, TasksCase


class Listing:
    """Stands at the outside edge: an account whose server sends these posts."""

    def __init__(self, posts: list[Any]) -> None:
        self.posts = posts

    def statuses(self, account_id: str, *, max_id: str | None = None) -> Iterator[Status | UnreadableStatus]:
        return map(entities.status_or_why_not, self.posts)

    def close(self) -> None:
        pass


def listing(posts: list[Any]) -> Any:
    return lambda _connection: Listing(posts)


class WholeWayTests(TasksCase):
    def test_it_finds_describes_and_counts_what_lacks_alt_text(self) -> None:
        self.sandbox.add_status("Two.", pictures=[Picture(), Picture("Described."), Picture()], spoiler_text="boats")
        self.sandbox.add_status("Nothing to do.", pictures=[Picture("All is said.")])
        self.sandbox.add_status("No picture.", pictures=0)
        task = self.complete(self.start())
        assert task.status == CaptionGenerationTask.Status.COMPLETED
        assert task.progress_percent == 100
        assert Post.objects.count() == 1
        results = json.loads(task.results_json or "")
        assert results["task_id"] == task.pk
        assert results["posts_processed"] == 1
        assert results["images_processed"] == results["captions_generated"] == 2
        assert results["errors_count"] == 0
        assert results["skipped_existing"] == 2
        assert results["generated_image_ids"] == list(Image.objects.order_by("pk").values_list("pk", flat=True))
        assert results["processing_time_seconds"] >= 0
        run = ProcessingRun.objects.get(batch_id=task.pk)
        assert (run.status, run.posts_processed, run.captions_generated) == ("completed", 1, 2)
        assert run.user_id == str(self.owner.pk)

    def test_the_engine_is_given_the_post_as_context_and_the_shorter_limit(self) -> None:
        self.sandbox.add_status("The harbour of Ny Ålesund.", spoiler_text="boats", language="de")
        self.complete(self.start(max_caption_length=200))
        context = self.engine.asked[0].context
        assert (context.content_warning, context.text) == ("boats", "The harbour of Ny Ålesund.")
        assert (self.engine.asked[0].language, self.engine.asked[0].max_length) == ("de", 200)

    def test_an_account_without_anything_to_do_completes(self) -> None:
        task = self.run_task(self.start())
        assert task.status == CaptionGenerationTask.Status.COMPLETED
        assert task.current_step == "0 drafts"

    def test_it_stops_at_the_limit_of_posts_newest_first(self) -> None:
        for number in range(4):
            self.sandbox.add_status(f"Post {number}", pictures=2)
        self.complete(self.start(max_posts_per_run=2))
        drafted = [image.post.post_content or "" for image in Image.objects.exclude(captioned_at=None)]
        assert sorted(drafted) == ["Post 2", "Post 2", "Post 3", "Post 3"]

    def test_a_second_task_goes_on_where_the_first_stopped(self) -> None:
        for number in range(3):
            self.sandbox.add_status(f"Post {number}")
        self.complete(self.start(max_posts_per_run=2))
        task = self.complete(self.start(max_posts_per_run=2))
        assert json.loads(task.results_json or "")["captions_generated"] == 1
        assert not Image.objects.undrafted().exists()

    def test_a_scan_alone_asks_for_no_drafts(self) -> None:
        self.sandbox.add_status()
        task = self.run_task(self.start(describe=False))
        assert task.status == CaptionGenerationTask.Status.COMPLETED
        assert Image.objects.undrafted().count() == 1
        assert not Image.objects.due().exists()

    def test_a_persons_settings_for_the_connection_count(self) -> None:
        self.sandbox.add_status()
        self.sandbox.add_status()
        CaptionGenerationUserSettings.objects.create(
            user=self.owner, platform_connection=self.connection, max_posts_per_run=1, processing_delay=0
        )
        self.run_task(actions.start_task(self.connection, self.owner))
        assert Image.objects.due().count() == 1

    def test_decorative_pictures_are_left_alone(self) -> None:
        self.sandbox.add_status()
        self.run_task(self.start(describe=False))
        Image.objects.update(is_decorative=True)
        assert self.run_task(self.start()).status == CaptionGenerationTask.Status.COMPLETED
        assert not Image.objects.due().exists()


class ReprocessTests(TasksCase):
    def test_it_drafts_again_what_the_machine_wrote_and_keeps_the_old_draft_until_then(self) -> None:
        self.sandbox.add_status()
        self.complete(self.start())
        task = self.run_task(self.start(reprocess_existing=True))
        image = Image.objects.awaiting_review().get()
        assert image.is_redrafting
        assert image.generated_caption == self.engine.says()
        self.describe_due(FakeEngine(lambda: "A second look: two boats."))
        task = self.run_task(task)
        image.refresh_from_db()
        assert image.generated_caption == "A second look: two boats."
        assert image.versions.count() == 2
        assert task.status == CaptionGenerationTask.Status.COMPLETED

    def test_what_a_person_decided_or_looks_at_is_left_alone(self) -> None:
        for _number in range(2):
            self.sandbox.add_status()
        self.complete(self.start())
        approved, looked_at = Image.objects.order_by("pk")
        decisions.approve(approved, text="A lighthouse, by me.", reviewer=self.owner)
        assert Image.objects.claim_for_review(looked_at.pk, self.owner)
        self.run_task(self.start(reprocess_existing=True))
        assert not Image.objects.due().exists()

    def test_a_redraft_that_fails_leaves_the_old_draft_to_review(self) -> None:
        self.sandbox.add_status()
        self.complete(self.start())
        self.sandbox.fault(404, path_prefix="/media")
        self.complete(self.start(reprocess_existing=True))
        image = Image.objects.awaiting_review().get()
        assert image.generated_caption == self.engine.says()
        assert "404" in (image.processing_error or "")

    def test_cancelling_a_redraft_leaves_the_old_draft_to_review(self) -> None:
        self.sandbox.add_status()
        self.complete(self.start())
        actions.cancel_task(self.run_task(self.start(reprocess_existing=True)), self.owner)
        assert Image.objects.awaiting_review().count() == 1


class StartTests(TasksCase):
    def test_a_connection_has_one_active_task(self) -> None:
        first = self.start()
        with self.assertRaises(actions.TaskAlreadyActive) as refused:
            self.start()
        assert refused.exception.task == first
        assert CaptionGenerationTask.objects.count() == 1

    def test_outsiders_and_viewers_may_not_start(self) -> None:
        outsider, viewer = cast.make_user("otto"), cast.make_user("vera", Role.VIEWER)
        for user in (outsider, viewer):
            with self.assertRaises(actions.TaskNotAllowed):
                actions.start_task(self.connection, user)

    def test_a_connection_that_is_switched_off_is_refused(self) -> None:
        PlatformConnection.objects.update(is_active=False)
        self.connection.refresh_from_db()
        with self.assertRaises(actions.TaskRefused):
            self.start()

    def test_starting_and_cancelling_are_in_the_audit_log(self) -> None:
        actions.cancel_task(self.start(), self.owner, "wrong account")
        assert list(AuditLog.objects.order_by("pk").values_list("action", flat=True)) == [
            "task_started",
            "task_cancelled",
        ]


class CancelTests(TasksCase):
    def test_cancelling_stops_a_scan_at_its_next_page_and_asks_for_nothing_more(self) -> None:
        for _number in range(3):
            self.sandbox.add_status()
        task = self.start()

        class Cancelled:
            """A client whose task is cancelled once the first post is read."""

            def __init__(self, client: PlatformClient) -> None:
                self.client = client

            def statuses(self, account_id: str, *, max_id: str | None = None) -> Iterator[Status | UnreadableStatus]:
                for status in self.client.statuses(account_id, max_id=max_id):
                    yield status
                    CaptionGenerationTask.objects.active().filter(pk=task.pk).update(status="cancelled")

            def close(self) -> None:
                self.client.close()

        def factory(connection: PlatformConnection) -> Any:
            return Cancelled(client_for(connection))

        self.run_task(task, client_factory=factory)
        assert task.status == CaptionGenerationTask.Status.CANCELLED
        assert not Image.objects.due().exists()

    def test_cancelling_withdraws_what_is_not_drafted_and_keeps_what_is(self) -> None:
        self.sandbox.add_status(pictures=3)
        task = self.run_task(self.start())
        first = Image.objects.due().first()
        assert first is not None
        self.describe_due_one(first)
        actions.cancel_task(task, self.owner)
        task.refresh_from_db()
        assert task.status == CaptionGenerationTask.Status.CANCELLED
        assert json.loads(task.results_json or "")["captions_generated"] == 1
        assert json.loads(task.results_json or "")["images_processed"] == 1
        assert not Image.objects.due().exists()
        assert Image.objects.awaiting_review().count() == 1
        assert ProcessingRun.objects.get().status == "cancelled"

    def describe_due_one(self, image: Image) -> None:
        from processing.describing import caption_image

        caption_image(image.pk, engine=self.engine)

    def test_a_cancelled_task_can_be_taken_up_again(self) -> None:
        self.sandbox.add_status(pictures=2)
        task = self.run_task(self.start())
        actions.cancel_task(task, self.owner)
        task.refresh_from_db()
        actions.requeue_task(task, self.owner)
        self.describe_due()
        assert self.run_task(task).status == CaptionGenerationTask.Status.COMPLETED
        assert Image.objects.awaiting_review().count() == 2

    def test_an_ended_task_cannot_be_cancelled(self) -> None:
        task = self.run_task(self.start())
        with self.assertRaises(actions.TaskRefused):
            actions.cancel_task(task, self.owner)

    def test_outsiders_may_not_cancel(self) -> None:
        with self.assertRaises(actions.TaskNotAllowed):
            actions.cancel_task(self.start(), cast.make_user("otto"))


class LeaseTests(TasksCase):
    def test_a_worker_that_lost_its_lease_changes_nothing(self) -> None:
        task = self.start()
        stale = lifecycle.claim(task.pk)
        assert stale is not None
        self.lapse(task)
        fresh = lifecycle.claim(task.pk)
        assert fresh is not None
        with self.assertRaises(leases.LeaseLost):
            lifecycle.keep(stale)
        with self.assertRaises(leases.LeaseLost):
            lifecycle.scanned(stale, posts=9, images=9, skipped=9)
        assert not lifecycle.fail(stale, "too late")
        lifecycle.postpone(stale, "too late")
        task.refresh_from_db()
        assert task.status == CaptionGenerationTask.Status.RUNNING
        assert task.error_message is None
        assert task.scanned_at is None

    def test_a_held_task_is_not_taken_twice(self) -> None:
        task = self.start()
        assert lifecycle.claim(task.pk) is not None
        assert lifecycle.claim(task.pk) is None

    def test_a_scan_that_keeps_killing_its_worker_fails_after_some_tries(self) -> None:
        task = self.start()
        for _number in range(lifecycle.FAILURES_MOST):
            assert lifecycle.claim(task.pk) is not None
            self.lapse(task)
        assert self.run_task(task).status == CaptionGenerationTask.Status.FAILED
        assert "ended 8 times" in (task.error_message or "")

    def test_a_doubled_doorbell_changes_nothing(self) -> None:
        self.sandbox.add_status()
        task = self.start()
        for _number in range(3):
            self.run_task(task)
        self.describe_due()
        for _number in range(3):
            self.run_task(task)
        assert len(self.engine.asked) == 1
        assert len(self.sandbox.requests(path_prefix="/api/v1/accounts")) <= 2

    def test_a_stopping_worker_gives_the_task_back_at_once(self) -> None:
        self.addCleanup(stopping._asked.clear)
        for _number in range(45):
            self.sandbox.add_status(pictures=[Picture("Described.")])
        stopping.ask()
        task = self.run_task(self.start())
        assert task.status == CaptionGenerationTask.Status.RUNNING
        assert CaptionGenerationTask.objects.due().filter(pk=task.pk).exists()
        assert task.failures == 0

    def test_a_supervisor_without_workers_makes_held_work_due(self) -> None:
        self.sandbox.add_status(pictures=2)
        self.run_task(self.start())
        held, waiting = Image.objects.due()
        assert Image.objects.claim(held.pk, leases.image_lease())
        Image.objects.filter(pk=waiting.pk).update(
            next_attempt_at=timezone.now() + leases.SCAN, processing_error="The engine is down."
        )
        leases.release_images()
        assert list(Image.objects.due()) == [held]


class TroubleTests(TasksCase):
    def test_an_unreachable_server_is_tried_again_later_and_says_so(self) -> None:
        self.sandbox.add_status()
        self.sandbox.fault(503, path_prefix="/api/v1/accounts", times=None)
        task = self.run_task(self.start())
        assert task.is_active
        assert task.error_message
        assert "next attempt at" in (task.current_step or "")
        assert task.next_attempt_at is not None
        assert task.next_attempt_at > timezone.now()
        self.sandbox.clear_faults()
        self.lapse(task)
        assert self.complete(task).status == CaptionGenerationTask.Status.COMPLETED
        assert ProcessingRun.objects.get().retry_attempts == 1

    def test_it_gives_up_after_some_tries(self) -> None:
        self.sandbox.fault(503, path_prefix="/api/v1/accounts", times=None)
        task = self.start()
        for _number in range(lifecycle.FAILURES_MOST):
            self.lapse(task)
            self.run_task(task)
        assert task.status == CaptionGenerationTask.Status.FAILED
        assert "Gave up after 8 attempts" in (task.error_message or "")

    def test_a_token_revoked_in_mid_run_fails_the_task_and_keeps_what_was_found(self) -> None:
        for _number in range(60):
            self.sandbox.add_status()
        self.sandbox.fault(401, path_prefix="/api/v1/accounts", skip=1, times=None)
        task = self.run_task(self.start(max_posts_per_run=100))
        assert task.status == CaptionGenerationTask.Status.FAILED
        assert task.error_message
        self.connection.refresh_from_db()
        assert self.connection.attention
        assert Image.objects.undrafted().count() == 40
        assert not Image.objects.due().exists()
        self.sandbox.clear_faults()
        with self.assertRaisesRegex(actions.TaskRefused, "test the connection"):
            actions.requeue_task(task, self.owner)
        platforms.test_connection(self.connection, self.owner)
        actions.requeue_task(task, self.owner)
        assert self.complete(task).status == CaptionGenerationTask.Status.COMPLETED
        assert Image.objects.awaiting_review().count() == 60

    def test_one_odd_post_does_not_stop_the_scan_and_is_counted(self) -> None:
        good = self.sandbox.status(self.sandbox.add_status("Good."))
        odd = {**good, "id": 77, "created_at": None, "url": "https://social.example/@demo/77"}
        task = self.start()
        with self.assertLogs("processing.lifecycle", level="WARNING") as logged:
            self.run_task(task, client_factory=listing([odd, good, {"id": "\x1b[2J"}]))
        assert "post 77 passed over" in logged.output[0]
        self.describe_due()
        self.run_task(task)
        assert task.status == CaptionGenerationTask.Status.COMPLETED
        assert task.current_step == "1 draft, 2 errors"
        results = json.loads(task.results_json or "")
        assert (results["captions_generated"], results["posts_unreadable"], results["errors_count"]) == (1, 2, 2)
        first, second = results["error_details"]
        assert (first["post_id"], first["post_url"]) == ("77", "https://social.example/@demo/77")
        assert "created_at" in first["error"]
        assert second["post_id"] == "[2J"
        assert ProcessingRun.objects.get().errors_count == 2
        self.client.force_login(self.owner)
        page = self.client.get(reverse("tasks:detail", args=[task.pk])).content.decode()
        assert "https://social.example/@demo/77" in page
        assert "status.created_at" in page

    def test_what_was_passed_over_is_remembered_when_the_task_is_taken_up_again(self) -> None:
        good = self.sandbox.status(self.sandbox.add_status("Good."))
        task = self.run_task(self.start(), client_factory=listing([{"id": "77"}, good]))
        actions.cancel_task(task, self.owner)
        task.refresh_from_db()
        actions.requeue_task(task, self.owner)
        self.describe_due()
        self.run_task(task)
        results = json.loads(task.results_json or "")
        assert (results["errors_count"], len(results["error_details"])) == (1, 1)

    def test_a_token_that_lacks_a_permission_holds_the_account(self) -> None:
        self.connection.access_token = self.sandbox.issue_token(scopes="write")
        self.connection.save(update_fields=["access_token"])
        task = self.run_task(self.start())
        assert task.status == CaptionGenerationTask.Status.FAILED
        self.connection.refresh_from_db()
        assert "read:statuses" in (self.connection.attention or "")
        assert self.connection.attention_about == "credentials"

    def test_an_instance_that_answers_web_pages_is_a_state_with_a_reason(self) -> None:
        self.sandbox.fault("html", path_prefix="/api/v1/accounts", times=None)
        task = self.run_task(self.start())
        assert task.error_message

    def test_a_mistake_of_ours_is_seen_on_the_task(self) -> None:
        def broken(connection: PlatformConnection) -> PlatformClient:
            raise ZeroDivisionError

        task = self.start()
        with self.assertLogs("processing.running", level="ERROR"):
            self.run_task(task, client_factory=broken)
        assert "worker's log" in (task.error_message or "")
        assert task.is_active

    def test_the_errors_of_a_connection_can_all_be_tried_again(self) -> None:
        self.sandbox.add_status(pictures=2)
        self.sandbox.fault(404, path_prefix="/media", times=None)
        self.complete(self.start())
        assert Image.objects.filter(status=Image.Status.ERROR).count() == 2
        self.sandbox.clear_faults()
        task = actions.requeue_errors(self.connection, self.owner)
        self.describe_due()
        run_task(task.pk)
        task.refresh_from_db()
        assert task.status == CaptionGenerationTask.Status.COMPLETED
        assert Image.objects.awaiting_review().count() == 2

    def test_there_is_nothing_to_try_again_without_errors(self) -> None:
        with self.assertRaises(actions.NothingToDo):
            actions.requeue_errors(self.connection, self.owner)
        assert not CaptionGenerationTask.objects.exists()
        task = self.run_task(self.start())
        with self.assertRaises(actions.NothingToDo):
            actions.requeue_task(task, self.owner)
        task.refresh_from_db()
        assert task.status == CaptionGenerationTask.Status.COMPLETED

    def test_a_task_cannot_be_taken_up_beside_another(self) -> None:
        first = self.start()
        actions.cancel_task(first, self.owner)
        first.refresh_from_db()
        second = self.start()
        with self.assertRaises(actions.TaskAlreadyActive) as refused:
            actions.requeue_task(first, self.owner)
        assert refused.exception.task == second
