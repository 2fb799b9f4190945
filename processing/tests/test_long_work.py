"""Work that takes longer than one message: long scans, slow engines, large tasks, and connections that rest."""

import json
from datetime import timedelta
from unittest import mock
from urllib.parse import parse_qs

from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from captions import drafts
from captions.models import Image
from platforms import actions as platforms
from platforms.clients.base import CredentialsRefused
from platforms.models import PlatformConnection
from platforms.sandbox.testing import Picture
from processing import actions, leases, lifecycle, sweeping, tasks
from processing.describing import Result, caption_image
from processing.engines import EngineUnavailable
from processing.models import CaptionGenerationTask, TaskStatus
from processing.running import run_task
from processing.tests.tasks_case import FakeEngine, TasksCase


class ScanCase(TasksCase):
    def fill(self, posts: int = 100) -> None:
        for number in range(posts):
            self.sandbox.add_status(f"Post {number}")

    def pages_asked_for(self) -> list[str]:
        """The ids below which posts were asked for, the first page's as an empty text."""
        path = f"/api/v1/accounts/{self.sandbox.account_id}/statuses"
        return [
            "".join(parse_qs(request.query).get("max_id", [])) for request in self.sandbox.requests(path_prefix=path)
        ]


class BudgetTests(ScanCase):
    def test_a_long_scan_stops_in_time_and_the_next_message_goes_on_below_the_last_post(self) -> None:
        self.fill()
        task = self.start(max_posts_per_run=1000)
        assert run_task(task.pk, seconds=-1.0)
        task.refresh_from_db()
        assert (task.images_found, task.scanned_at, task.failures) == (40, None, 0)
        assert CaptionGenerationTask.objects.due().filter(pk=task.pk).exists()
        assert run_task(task.pk, seconds=-1.0)
        assert not run_task(task.pk, seconds=-1.0)
        task.refresh_from_db()
        assert task.scanned_at is not None
        assert task.images_found == Image.objects.due().count() == 100
        assert json.loads(task.results_json or "")["posts_processed"] == 100
        asked = self.pages_asked_for()
        assert asked.count("") == 1
        assert len(set(asked)) == len(asked)

    def test_the_limit_of_posts_counts_over_all_messages(self) -> None:
        self.fill()
        task = self.start(max_posts_per_run=50)
        while run_task(task.pk, seconds=-1.0):
            pass
        assert Image.objects.due().count() == 50

    def test_an_interrupted_walk_goes_on_and_its_earlier_failures_are_over(self) -> None:
        self.fill()
        task = self.start(max_posts_per_run=1000)
        CaptionGenerationTask.objects.filter(pk=task.pk).update(failures=lifecycle.FAILURES_MOST - 1)
        self.sandbox.fault(503, path_prefix="/api/v1/accounts", skip=1, times=None)
        self.run_task(task)
        assert task.is_active
        assert task.failures == 1
        self.sandbox.clear_faults()
        self.lapse(task)
        self.run_task(task)
        assert task.scanned_at is not None
        assert Image.objects.due().count() == 100
        assert self.pages_asked_for().count("") == 1

    def test_a_task_taken_up_again_by_a_person_reads_from_the_top(self) -> None:
        self.fill(60)
        task = self.start(max_posts_per_run=1000)
        run_task(task.pk, seconds=-1.0)
        actions.cancel_task(task, self.owner)
        self.sandbox.add_status("New meanwhile.")
        task.refresh_from_db()
        actions.requeue_task(task, self.owner)
        self.run_task(task)
        assert Image.objects.due().count() == task.images_found == 61

    def test_posts_without_pictures_to_describe_move_the_cursor_too(self) -> None:
        for _number in range(45):
            self.sandbox.add_status(pictures=[Picture("Described.")])
        task = self.start()
        assert run_task(task.pk, seconds=-1.0)
        assert not run_task(task.pk, seconds=-1.0)
        task.refresh_from_db()
        assert task.status == TaskStatus.COMPLETED
        assert json.loads(task.results_json or "")["skipped_existing"] == 45


class EngineTroubleOnPagesTests(TasksCase):
    def no_answer(self) -> str:
        raise EngineUnavailable("Ollama answered 500: cuda out of memory")

    def test_the_task_says_why_a_picture_waits_and_until_when(self) -> None:
        self.sandbox.add_status()
        task = self.run_task(self.start())
        image = Image.objects.get()
        assert caption_image(image.pk, engine=FakeEngine(self.no_answer)) == Result.LATER
        self.lapse(task)
        self.run_task(task)
        image.refresh_from_db()
        assert image.next_attempt_at is not None
        said = f"cuda out of memory; next attempt at {image.next_attempt_at:%H:%M:%S} UTC"
        assert said in (task.error_message or "")
        self.client.force_login(self.owner)
        for address in (reverse("tasks:detail", args=[task.pk]), reverse("dashboard"), reverse("tasks:list")):
            assert said in self.client.get(address).content.decode()

    def test_once_it_goes_well_the_reason_is_gone(self) -> None:
        self.sandbox.add_status(pictures=2)
        task = self.run_task(self.start())
        image = Image.objects.order_by("pk")[0]
        caption_image(image.pk, engine=FakeEngine(self.no_answer))
        self.lapse(task)
        assert self.run_task(task).error_message
        self.lapse(image)
        self.rest()
        caption_image(image.pk, engine=self.engine)
        self.lapse(task)
        assert self.run_task(task).error_message is None

    def test_during_an_outage_the_other_pictures_are_not_even_fetched(self) -> None:
        self.sandbox.add_status(pictures=3)
        self.run_task(self.start())
        engine = FakeEngine(self.no_answer)
        with mock.patch("processing.describing.current_chain", return_value=engine):
            for _number in range(3):
                tasks.caption_images(list(Image.objects.due().values_list("pk", flat=True)))
        assert len(engine.asked) == 1
        assert len(self.sandbox.requests(path_prefix="/media")) == 1

    def test_a_slow_engine_is_said_to_be_busy_and_since_when(self) -> None:
        self.sandbox.add_status(pictures=2)
        task = self.run_task(self.start())
        image = drafts.claim(Image.objects.order_by("pk")[0].pk, leases.image_lease())
        assert image is not None
        taken = timezone.now() - timedelta(seconds=95)
        Image.objects.filter(pk=image.pk).update(updated_at=taken)
        self.lapse(task)
        assert f"busy with one since {taken:%H:%M:%S} UTC" in (self.run_task(task).current_step or "")

    def test_cancelling_says_that_pictures_in_hand_may_still_be_finished(self) -> None:
        self.client.force_login(self.owner)
        page = self.client.post(reverse("tasks:cancel", args=[self.start().pk]), follow=True).content.decode()
        assert "pictures in hand may still be finished" in page


class LargeTaskTests(TasksCase):
    def setUp(self) -> None:
        super().setUp()
        self.sandbox.add_status(pictures=5)
        self.task = self.run_task(self.start())

    def test_the_request_to_cancel_does_not_wait_for_the_withdrawal_and_the_sweep_goes_on_with_it(self) -> None:
        with (
            mock.patch.object(lifecycle, "WITHDRAWN_AT_ONCE", 2),
            mock.patch("processing.lifecycle.monotonic", side_effect=[0.0, 100.0]),
        ):
            actions.cancel_task(self.task, self.owner)
        self.task.refresh_from_db()
        assert self.task.status == TaskStatus.CANCELLED
        assert Image.objects.due().count() == 3
        assert sweeping.due_chunks(9) == []
        with mock.patch("processing.describing.current_chain", return_value=self.engine):
            tasks.caption_images(list(Image.objects.values_list("pk", flat=True)))
        assert self.engine.asked == []
        with mock.patch("processing.doorbells.task") as rung:
            sweeping.ring_io()
        rung.assert_called_once_with(self.task.pk)
        assert not run_task(self.task.pk)
        assert not Image.objects.due().exists()
        assert not CaptionGenerationTask.objects.withdrawing().exists()

    def test_a_task_taken_up_again_in_mid_withdrawal_gets_all_its_pictures_back(self) -> None:
        with (
            mock.patch.object(lifecycle, "WITHDRAWN_AT_ONCE", 2),
            mock.patch("processing.lifecycle.monotonic", side_effect=[0.0, 100.0]),
        ):
            actions.cancel_task(self.task, self.owner)
        self.task.refresh_from_db()
        actions.requeue_task(self.task, self.owner)
        assert lifecycle.withdraw(self.task.pk)
        assert Image.objects.due().count() == 5

    def test_the_pictures_of_a_large_task_are_counted_rarely(self) -> None:
        CaptionGenerationTask.objects.update(images_found=500_000)
        self.lapse(self.task)
        lifecycle.note_progress(self.task.pk)
        self.task.refresh_from_db()
        assert self.task.next_attempt_at is not None
        assert self.task.next_attempt_at > timezone.now() + timedelta(seconds=45)
        CaptionGenerationTask.objects.update(images_found=500_000)
        with self.assertNumQueries(2):
            lifecycle.note_progress(self.task.pk)

    def test_a_message_that_finds_nothing_to_do_neither_counts_nor_rings(self) -> None:
        ids = list(Image.objects.values_list("pk", flat=True))
        self.describe_due()
        with mock.patch("processing.sweeping.ring_images") as rung, mock.patch("processing.lifecycle.figures") as count:
            tasks.caption_images(ids)
        rung.assert_not_called()
        count.assert_not_called()


class RestingConnectionTests(TasksCase):
    def switch_off(self) -> None:
        platforms.set_active(self.connection, self.owner, active=False)

    def test_its_task_ends_and_none_of_its_pictures_is_taken(self) -> None:
        self.sandbox.add_status(pictures=2)
        task = self.run_task(self.start())
        self.switch_off()
        assert set(self.describe_due()) == {Result.NOT_DUE}
        assert sweeping.due_chunks(9) == []
        self.run_task(task)
        assert task.status == TaskStatus.CANCELLED
        assert task.error_message == "The connection was switched off."
        assert not Image.objects.due().exists()

    def test_a_queued_task_reads_nothing(self) -> None:
        task = self.start()
        self.switch_off()
        assert self.run_task(task).status == TaskStatus.CANCELLED
        assert not self.sandbox.requests(path_prefix="/api/v1/accounts")

    def test_a_scan_stops_at_its_next_page(self) -> None:
        for _number in range(90):
            self.sandbox.add_status()
        task = self.start(max_posts_per_run=1000)
        self.run_task(task, after_page=self.switch_off)
        assert task.status == TaskStatus.CANCELLED
        assert Image.objects.count() <= 80

    def test_nothing_is_taken_up_again_there(self) -> None:
        self.sandbox.add_status()
        self.sandbox.fault(404, path_prefix="/media")
        task = self.complete(self.start())
        self.switch_off()
        with self.assertRaisesRegex(actions.TaskRefused, "switched off"):
            actions.start_task(self.connection, self.owner)
        with self.assertRaisesRegex(actions.TaskRefused, "switched off"):
            actions.requeue_task(task, None)
        with self.assertRaisesRegex(actions.TaskRefused, "switched off"):
            actions.requeue_errors(self.connection, self.owner)
        task.refresh_from_db()
        assert task.status == TaskStatus.COMPLETED


class RefusedCredentialsTests(TasksCase):
    def test_starting_says_that_the_token_is_not_accepted(self) -> None:
        platforms.raise_attention(self.connection, CredentialsRefused("The server does not accept the access token."))
        with self.assertRaisesRegex(actions.TaskRefused, "does not accept the access token"):
            self.start()
        with self.assertRaisesRegex(CommandError, "test the connection"):
            call_command("generate_captions", "--connection", str(self.connection.pk))
        assert not CaptionGenerationTask.objects.exists()

    def test_an_alarm_about_something_else_does_not_keep_from_drafting(self) -> None:
        PlatformConnection.objects.update(attention="Look at this.", attention_about="other")
        assert self.start().is_active
