"""The Celery tasks: doorbells, which take an id, look at the row and do what is due there, if anything is."""

import logging
import time
from collections.abc import Iterator
from typing import Any

from celery import shared_task
from celery.signals import worker_process_init, worker_ready, worker_shutting_down
from django.utils import timezone

from captions.models import Image, Publication
from platforms.actions import renew
from platforms.clients.base import PlatformError
from platforms.models import PlatformConnection
from processing import doorbells, health, left_behind, lifecycle, stopping, sweeping
from processing.describing import Result, caption_image, why_not_now
from processing.models import CaptionGenerationTask
from processing.publishing import Result as Published
from processing.publishing import publish_publication
from processing.running import run_task as run

logger = logging.getLogger(__name__)

BUDGET = 60.0  # seconds after which a message hands on what is left of it
SETTLED = (Published.POSTED, Published.UNDONE, Published.REFUSED)


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def stop_soon(**_: Any) -> None:
    stopping.ask()


@worker_ready.connect  # type: ignore[untyped-decorator]
@worker_process_init.connect  # type: ignore[untyped-decorator]
def free_what_dead_workers_held(**_: Any) -> None:
    """Also where a child is started in the place of one that was killed, such as for want of memory."""
    left_behind.release_at_start()


@worker_ready.connect  # type: ignore[untyped-decorator]
def show_signs_of_life(**_: Any) -> None:
    doorbells.heartbeat()


@shared_task(name="processing.tasks.run_task")  # type: ignore[untyped-decorator]
def run_task(task_id: str) -> None:
    if run(task_id, after_page=sweeping.ring_images, seconds=BUDGET):
        doorbells.task(task_id)


@shared_task(name="processing.tasks.caption_images")  # type: ignore[untyped-decorator]
def caption_images(ids: list[int]) -> None:
    """Draft these images as far as the time goes; the sweep, or the end of this message, rings for the others."""
    until = time.monotonic() + BUDGET
    task_of = _wanted(ids)
    touched = set[str]()
    for pk, task_id in _with_what_people_wait_for(task_of):
        if why_not_now():
            break
        if stopping.asked() or time.monotonic() > until:
            touched.add(task_id)
            break
        if caption_image(pk) != Result.NOT_DUE:
            touched.add(task_id)
            lifecycle.note_progress(task_id)
    if touched:
        # A message that found nothing to do rings for nothing, or such messages would go round for ever.
        sweeping.ring_images()


def _with_what_people_wait_for(task_of: dict[int, str]) -> Iterator[tuple[int, str]]:
    """Before each of the images those that a person has asked for meanwhile: nobody waits behind a whole account."""
    resting = PlatformConnection.objects.filter(is_active=False)
    for pk, task_id in task_of.items():
        urgent = Image.objects.asked_by_people().filter(next_attempt_at__lte=timezone.now())
        urgent = urgent.exclude(pk=pk).exclude(platform_connection__in=resting)
        yield from list(urgent.order_by("next_attempt_at").values_list("pk", "batch_id")[: sweeping.CHUNK])
        yield pk, task_id


def _wanted(ids: list[int]) -> dict[int, str]:
    """The images by the tasks that asked for them, without those whose task has ended and is being withdrawn."""
    task_of = dict(Image.objects.filter(pk__in=ids).order_by("pk").values_list("pk", "batch_id"))
    ended = set(
        CaptionGenerationTask.objects.withdrawing().filter(pk__in=set(task_of.values())).values_list("pk", flat=True)
    )
    return {pk: task_id for pk, task_id in task_of.items() if task_id not in ended}


@shared_task(name="processing.tasks.publish")  # type: ignore[untyped-decorator]
def publish(publication_id: int) -> None:
    """Do what one publication asks for, then ring for the next one of the same account."""
    account = Publication.objects.filter(pk=publication_id).values_list("platform_connection", flat=True).first()
    result = publish_publication(publication_id)
    if result in SETTLED and account is not None:
        health.note_publication()
        sweeping.ring_next_publication(account)


@shared_task(name="processing.tasks.renew_token")  # type: ignore[untyped-decorator]
def renew_token(connection_id: int) -> None:
    """Renew a token that is about to end. One that cannot be renewed waits on its connection for a person."""
    connection = PlatformConnection.objects.filter(pk=connection_id).first()
    if connection is None:
        return
    try:
        renew(connection)
    except PlatformError as error:
        logger.warning("connection %d: its token was not renewed: %s", connection_id, error.reason)


@shared_task(name="processing.tasks.sweep")  # type: ignore[untyped-decorator]
def sweep() -> None:
    sweeping.sweep()


@shared_task(name="processing.tasks.heartbeat")  # type: ignore[untyped-decorator]
def heartbeat() -> None:
    """Went through the broker and a worker: both are alive."""
    health.note_heartbeat()
