"""A server that is dead beside one that is well: the dead one costs a few attempts, and nobody waits for it."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import urlsplit

from django.test import override_settings
from django.utils import timezone

from captions.models import Image, Post, Publication
from platforms.models import PlatformConnection
from platforms.traffic.breaker import TRIPS
from processing import health, pictures, sweeping, tasks
from processing.describing import Result
from processing.models import CaptionGenerationTask
from processing.tests import cast
from processing.tests.tasks_case import TasksCase
from processing.tests.test_doorbells import Rung
from vedfolnir.lib.outbound import OutboundRefused

DEAD_ACCOUNTS, POSTS = 30, 6
SWEEPS = 12


class DeadServer:
    """Takes every connection and breaks it off."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.connects = 0
        self._is_closing = False
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connection, _address = self._listener.accept()
            with connection:
                if self._is_closing:
                    return
                self.connects += 1
                # Without lingering: the other side gets a reset.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def close(self) -> None:
        self._is_closing = True
        socket.create_connection(self._listener.getsockname()).close()
        self._thread.join()
        self._listener.close()


@contextmanager
def dead_server(beside: str) -> Iterator[DeadServer]:
    server = DeadServer()
    with override_settings(OUTBOUND_ALLOW=(urlsplit(beside).netloc, server.address)):
        try:
            yield server
        finally:
            server.close()


class DeadInstanceTests(Rung):
    def connect_dead(self, server: DeadServer) -> None:
        """Many accounts on the dead server, each with work that has been due for longer than anybody else's."""
        for number in range(DEAD_ACCOUNTS):
            row = PlatformConnection.objects.create(
                user=self.owner,
                name=f"Dead {number}",
                platform_type="mastodon",
                instance_url=f"http://{server.address}",
                username=f"dead{number}",
                account_id=f"{number}",
                access_token="token",
                software="mastodon",
                software_version="4.4.0",
            )
            post = Post.objects.create(platform_connection=row, post_id="1", author_id="1", post_url="")
            Publication.objects.create(
                post=post,
                platform_connection=row,
                status=Publication.Status.QUEUED,
                next_attempt_at=timezone.now() - timedelta(hours=1),
            )

    def sweep_and_work(self) -> None:
        """Ring for what is due, and do what was rung for and what that rings for."""
        with self.captureOnCommitCallbacks(execute=True):
            sweeping.ring_io()
        while messages := self.messages():
            for name, argument in messages:
                with self.captureOnCommitCallbacks(execute=True):
                    getattr(tasks, name)(argument)

    def test_all_work_of_the_healthy_server_is_done_and_the_dead_one_is_asked_ten_times(self) -> None:
        for _number in range(POSTS):
            _post, images = cast.drafted_post(self.connection, self.sandbox, self.sandbox.add_status())
            cast.approve_all(images, self.owner)
        with dead_server(self.sandbox.url) as dead:
            self.connect_dead(dead)
            for _number in range(SWEEPS):
                self.sweep_and_work()

            own = Publication.objects.filter(platform_connection=self.connection)
            self.assertEqual({one.status for one in own}, {Publication.Status.POSTED})
            self.assertEqual(dead.connects, TRIPS)
            waiting = Publication.objects.exclude(platform_connection=self.connection)
            self.assertEqual({one.status for one in waiting}, {Publication.Status.QUEUED})
            self.assertLessEqual(sum(one.attempts for one in waiting), 2 * TRIPS)  # the others were not even taken
            self.assertFalse(Publication.objects.due().exists())

    def test_a_scan_of_a_paused_server_takes_nobodys_turn_and_a_pause_is_no_failure(self) -> None:
        task = self.start()
        self.messages()
        with dead_server(self.sandbox.url) as dead:
            self.connection.instance_url = f"http://{dead.address}"
            self.connection.save()
            for _number in range(TRIPS):
                self.lapse(task)
                self.run_task(task)
                CaptionGenerationTask.objects.update(failures=1)
            self.lapse(task)
            self.run_task(task)

        self.assertEqual((dead.connects, task.failures, task.status), (TRIPS, 1, "running"))
        self.assertIn("has not answered since", task.error_message or "")
        self.lapse(task)
        with self.captureOnCommitCallbacks(execute=True):
            sweeping.ring_io()
        self.assertEqual(self.messages(), [])

        long_ago = timezone.now() - timedelta(hours=1)
        CaptionGenerationTask.objects.update(next_attempt_at=long_ago)
        self.assertTrue(health.check_queue().ok)
        PlatformConnection.objects.update(paused_until=long_ago)
        self.assertFalse(health.check_queue().ok)


class DeadMediaHostTests(TasksCase):
    def test_pictures_of_a_dead_host_wait_and_use_up_no_attempts(self) -> None:
        for _number in range(TRIPS + 4):
            self.sandbox.add_status()
        self.run_task(self.start())
        with dead_server(self.sandbox.url) as dead:
            Image.objects.update(image_url=f"http://{dead.address}/picture.png")
            self.assertEqual(set(self.describe_due()), {Result.LATER})

        self.assertEqual(dead.connects, TRIPS)
        held = Image.objects.filter(failures=0)
        self.assertEqual(held.count(), 4)
        self.assertTrue(all("has not answered since" in (one.processing_error or "") for one in held))

    def test_what_is_no_address_is_refused_and_keeps_nobody_from_anything(self) -> None:
        for address in (
            "https://ex\ud800ample.org/x.png",
            "https://exa\x00mple.org/x.png",
            f"https://{'a' * 900}.org/x",
        ):
            for _number in range(TRIPS + 1):
                with self.assertRaises(OutboundRefused):
                    pictures.download(Image(image_url=address))

    def test_a_server_whose_pictures_cannot_be_had_is_read_and_written_all_the_same(self) -> None:
        self.sandbox.add_status()
        self.run_task(self.start())
        self.sandbox.fault(502, path_prefix="/media", times=None)
        for _number in range(TRIPS + 1):
            Image.objects.update(next_attempt_at=timezone.now(), failures=0)
            self.describe_due()

        task = self.run_task(self.start_again())
        self.assertIsNotNone(task.scanned_at)

    def start_again(self) -> CaptionGenerationTask:
        CaptionGenerationTask.objects.update(status="cancelled")
        return self.start()
