from contextlib import suppress
from datetime import timedelta
from http import HTTPStatus
from queue import Empty
from typing import Any
from unittest import mock

from celery import current_app
from django.core.cache import cache
from django.test import override_settings
from django.utils import timezone
from kombu.exceptions import OperationalError

from captions.models import Image, Publication
from platforms.models import AttentionAbout, PlatformConnection
from processing import doorbells, health, sweeping, tasks
from processing.models import CaptionGenerationTask
from processing.publishing import leases as publishing_leases
from processing.tests import cast
from processing.tests.tasks_case import TasksCase

MEMORY = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}


class Rung(TasksCase):
    """Reads what was rung for from the queues themselves."""

    def setUp(self) -> None:
        super().setUp()
        self.messages()

    def messages(self) -> list[tuple[str, Any]]:
        """Every message that waits, as (task, argument), and takes it away."""
        found = []
        with current_app.connection_for_read() as connection:
            for queue in (doorbells.IO, doorbells.CAPTIONS):
                with connection.SimpleQueue(queue) as waiting, suppress(Empty):
                    while True:
                        message = waiting.get_nowait()
                        found.append((message.headers["task"].rpartition(".")[2], message.payload[0][0]))
                        message.ack()
        return found

    def sweep(self) -> list[tuple[str, Any]]:
        with self.captureOnCommitCallbacks(execute=True):
            sweeping.sweep()
        return self.messages()


class SweepTests(Rung):
    def test_starting_a_task_rings_for_it(self) -> None:
        with self.captureOnCommitCallbacks(execute=True):
            task = self.start()
        assert self.messages() == [("run_task", task.pk)]

    def test_it_rings_for_what_is_due_and_nothing_else(self) -> None:
        assert self.sweep() == []
        self.sandbox.add_status(pictures=2)
        task = self.start()
        assert self.sweep() == [("run_task", task.pk)]
        self.run_task(task)
        ids = list(Image.objects.order_by("pk").values_list("pk", flat=True))
        CaptionGenerationTask.objects.update(next_attempt_at=timezone.now() + timedelta(minutes=1))
        assert self.sweep() == [("caption_images", ids)]
        self.describe_due()
        assert self.sweep() == []

    def test_it_rings_for_a_token_that_is_about_to_end(self) -> None:
        now = timezone.now()
        PlatformConnection.objects.update(renew_at=now + timedelta(minutes=1))
        assert self.sweep() == []
        PlatformConnection.objects.update(renew_at=now)
        connection = PlatformConnection.objects.get()
        assert self.sweep() == [("renew_token", connection.pk)]
        with self.assertLogs("processing.tasks", "WARNING"):
            tasks.renew_token(connection.pk)  # pasted: it cannot be renewed
        connection.refresh_from_db()
        assert connection.attention_about == AttentionAbout.CREDENTIALS
        assert self.sweep() == []

    def test_no_task_waits_behind_a_larger_one(self) -> None:
        self.sandbox.add_status(pictures=60)
        self.run_task(self.start())
        other = cast.connect(cast.make_user("otto"), self.sandbox)
        PlatformConnection.objects.filter(pk=other.pk).update(name="Other")
        image = Image.objects.first()
        assert image is not None
        small = CaptionGenerationTask.objects.create(user=other.user, platform_connection=other)
        Image.objects.filter(pk=image.pk).update(batch_id=small.pk)
        chunks = sweeping.due_chunks(4)
        assert len(chunks) == 4
        assert [image.pk] in chunks[:2]

    def test_an_image_that_no_active_task_asks_for_is_rung_for_too(self) -> None:
        self.sandbox.add_status()
        self.complete(self.start())
        Image.objects.update(captioned_at=None, next_attempt_at=timezone.now())
        assert self.sweep() == [("caption_images", [Image.objects.get().pk])]

    def test_the_queues_are_not_flooded(self) -> None:
        self.sandbox.add_status(pictures=3)
        self.run_task(self.start())
        for _number in range(2 * sweeping.MESSAGES):
            with self.captureOnCommitCallbacks(execute=True):
                sweeping.sweep()
        assert (doorbells.waiting(doorbells.CAPTIONS) or 0) <= sweeping.MESSAGES
        assert (doorbells.waiting(doorbells.IO) or 0) <= sweeping.MESSAGES

    def test_what_waits_in_the_queue_is_not_rung_for_again(self) -> None:
        self.sandbox.add_status(pictures=4 * sweeping.CHUNK)
        self.run_task(self.start())
        ids = list(Image.objects.order_by("pk").values_list("pk", flat=True))
        for _number in range(3):
            with self.captureOnCommitCallbacks(execute=True):
                sweeping.ring_images()
        rung = [argument for name, argument in self.messages() if name == "caption_images"]
        assert [pk for chunk in rung for pk in chunk] == ids

    def test_one_account_does_not_keep_the_others_from_publishing(self) -> None:
        other = cast.connect(cast.make_user("otto"), self.sandbox)
        large = [self.queued(self.connection) for _number in range(3)]
        small = self.queued(other)
        assert self.sweep() == [("publish", large[0].pk), ("publish", small.pk)]
        with self.captureOnCommitCallbacks(execute=True):
            tasks.publish(large[0].pk)
        assert self.messages() == [("publish", large[1].pk)]

    def test_an_account_that_is_written_to_is_not_rung_for(self) -> None:
        first, _second = self.queued(self.connection), self.queued(self.connection)
        assert publishing_leases.claim(first.pk) is not None
        assert self.sweep() == []

    def queued(self, connection: PlatformConnection) -> Publication:
        """A publication that is due, of a new post."""
        post, images = cast.drafted_post(connection, self.sandbox, self.sandbox.add_status())
        cast.approve_all(images, connection.user)
        self.messages()
        return Publication.objects.get(post=post)

    def test_without_a_broker_starting_a_task_still_works(self) -> None:
        with (
            mock.patch.object(doorbells, "broker", side_effect=OperationalError("gone")),
            self.assertLogs("processing.doorbells", level="WARNING"),
            self.captureOnCommitCallbacks(execute=True),
        ):
            task = self.start()
            sweeping.sweep()
        assert CaptionGenerationTask.objects.due().filter(pk=task.pk).exists()


class TaskFunctionTests(Rung):
    def test_doorbells_doubled_and_late_change_nothing(self) -> None:
        self.sandbox.add_status(pictures=2)
        task = self.start()
        with mock.patch("processing.describing.current_chain", return_value=self.engine):
            for _number in range(3):
                tasks.run_task(task.pk)
                tasks.caption_images(list(Image.objects.values_list("pk", flat=True)))
            tasks.caption_images([10**9])
            tasks.run_task("no such task")
            tasks.publish(10**9)
        task.refresh_from_db()
        assert task.status == CaptionGenerationTask.Status.COMPLETED
        assert len(self.engine.asked) == 2

    def test_a_message_that_takes_long_hands_on_the_rest(self) -> None:
        self.sandbox.add_status(pictures=2)
        self.run_task(self.start())
        ids = list(Image.objects.order_by("pk").values_list("pk", flat=True))
        with (
            mock.patch("processing.describing.current_chain", return_value=self.engine),
            mock.patch.object(tasks, "BUDGET", -1.0),
            self.captureOnCommitCallbacks(execute=True),
        ):
            tasks.caption_images(ids)
        assert self.engine.asked == []
        assert ("caption_images", ids) in self.messages()


@override_settings(CACHES=MEMORY)
class HealthTests(Rung):
    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(cache.clear)

    def test_the_process_answers_without_anything_else(self) -> None:
        with self.assertNumQueries(0):
            assert self.client.get("/healthz").status_code == HTTPStatus.OK

    def test_it_is_well_when_a_worker_gives_signs_of_life(self) -> None:
        answer = self.client.get("/health")
        assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
        assert answer.json()["checks"]["worker"]["ok"] is False
        tasks.heartbeat()
        answer = self.client.get("/health")
        assert answer.status_code == HTTPStatus.OK, answer.json()
        assert all(check["ok"] for check in answer.json()["checks"].values())

    def test_an_old_sign_of_life_is_none(self) -> None:
        cache.set(health.HEARTBEAT, timezone.now().timestamp() - 300)
        assert not health.check_worker().ok

    def test_a_deaf_worker_is_noticed_by_what_it_leaves_lying(self) -> None:
        tasks.heartbeat()
        task = self.start()
        CaptionGenerationTask.objects.filter(pk=task.pk).update(next_attempt_at=timezone.now() - timedelta(hours=1))
        assert self.client.get("/health").json()["checks"]["queue"]["ok"] is False

    def test_a_long_queue_of_pictures_is_fine_as_long_as_it_moves(self) -> None:
        self.sandbox.add_status(pictures=2)
        task = self.run_task(self.start())
        CaptionGenerationTask.objects.filter(pk=task.pk).update(next_attempt_at=timezone.now())
        Image.objects.update(next_attempt_at=timezone.now() - timedelta(hours=1))
        assert not health.check_queue().ok
        with mock.patch("processing.describing.current_chain", return_value=self.engine):
            tasks.caption_images([Image.objects.order_by("pk")[0].pk])
        assert health.check_queue().ok

    def test_a_long_queue_of_publications_is_fine_as_long_as_it_moves(self) -> None:
        for _number in range(2):
            _post, images = cast.drafted_post(self.connection, self.sandbox, self.sandbox.add_status())
            cast.approve_all(images, self.owner)
        Publication.objects.update(next_attempt_at=timezone.now() - timedelta(hours=1))
        assert not health.check_queue().ok
        tasks.publish(Publication.objects.order_by("pk")[0].pk)
        assert Publication.objects.due().exists()
        assert health.check_queue().ok

    def test_pictures_that_wait_for_their_engine_are_no_deaf_worker(self) -> None:
        self.sandbox.add_status(pictures=2)
        task = self.run_task(self.start())
        CaptionGenerationTask.objects.filter(pk=task.pk).update(next_attempt_at=timezone.now())
        tried, other = Image.objects.order_by("pk")
        Image.objects.filter(pk=other.pk).update(next_attempt_at=timezone.now() - timedelta(hours=1))
        assert not health.check_queue().ok
        Image.objects.filter(pk=tried.pk).update(
            next_attempt_at=timezone.now() + timedelta(minutes=5), processing_error="Ollama does not answer."
        )
        assert health.check_queue().ok

    def test_a_broker_that_is_gone_is_said_without_details(self) -> None:
        tasks.heartbeat()
        secret = OperationalError("redis://:secret@10.0.0.1")
        with (
            mock.patch.object(doorbells, "broker", side_effect=secret),
            self.assertLogs("processing.health", level="WARNING"),
        ):
            answer = self.client.get("/health")
        assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
        assert "secret" not in answer.content.decode()
