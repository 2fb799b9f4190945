"""The Celery tasks: doorbells, which take an id, look at the row and do what is due there, if anything is."""

import logging
import time
from typing import Any

from celery import shared_task
from celery.signals import worker_ready, worker_shutting_down

from captions.models import Image
from processing import doorbells, health, lifecycle, stopping, sweeping
from processing.describing import caption_image
from processing.publishing import publish_publication
from processing.running import run_task as run

logger = logging.getLogger(__name__)

BUDGET = 60.0  # seconds after which a message hands on what is left of it


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def stop_soon(**_: Any) -> None:
    stopping.ask()


@worker_ready.connect  # type: ignore[untyped-decorator]
def show_signs_of_life(**_: Any) -> None:
    doorbells.heartbeat()


@shared_task(name="processing.tasks.run_task")  # type: ignore[untyped-decorator]
def run_task(task_id: str) -> None:
    run(task_id, after_page=sweeping.ring_images)


@shared_task(name="processing.tasks.caption_images")  # type: ignore[untyped-decorator]
def caption_images(ids: list[int]) -> None:
    """Draft these images as far as the time goes; the sweep, or the end of this message, rings for the others."""
    until = time.monotonic() + BUDGET
    task_of = dict(Image.objects.filter(pk__in=ids).values_list("pk", "batch_id"))
    for pk, task_id in task_of.items():
        if stopping.asked() or time.monotonic() > until:
            break
        caption_image(pk)
        lifecycle.note_progress(task_id, only_when_due=True)
    for task_id in set(task_of.values()):
        lifecycle.note_progress(task_id)
    sweeping.ring_images()


@shared_task(name="processing.tasks.publish")  # type: ignore[untyped-decorator]
def publish(publication_id: int) -> None:
    publish_publication(publication_id)


@shared_task(name="processing.tasks.sweep")  # type: ignore[untyped-decorator]
def sweep() -> None:
    sweeping.sweep()


@shared_task(name="processing.tasks.heartbeat")  # type: ignore[untyped-decorator]
def heartbeat() -> None:
    """Went through the broker and a worker: both are alive."""
    health.note_heartbeat()
