"""Doing a task's work in this process, from its scan to its last picture: for commands, where no worker need run."""

from collections.abc import Callable

from django.utils import timezone

from captions.models import Image
from processing import stopping
from processing.describing import caption_image, why_not_now
from processing.engines import Chain, Engine
from processing.models import CaptionGenerationTask
from processing.running import run_task

AT_ONCE = 20  # pictures between two looks at the task
LONGEST_PAUSE = 5.0  # seconds


def work_off(
    task: CaptionGenerationTask,
    *,
    watch: Callable[[CaptionGenerationTask], object] = lambda task: None,
    engine: Chain | Engine | None = None,
) -> CaptionGenerationTask:
    """Work on a task until it has ended, beside workers if there are any; the task as it is then.

    `watch` is told of every step. What must wait (a server that is down, an engine without a free place, a picture that
    another worker holds) is waited for; no picture is fetched in vain. Raises stopping.Stopping when the process is to
    end.
    """
    while True:
        run_task(task.pk)
        task.refresh_from_db()
        watch(task)
        if not task.is_active:
            return task
        due = list(Image.objects.due().filter(batch_id=task.pk).order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
        for pk in due:
            if why_not_now(engine):
                stopping.pause(LONGEST_PAUSE)
                break
            caption_image(pk, engine=engine)
            task.images_done += 1
            watch(task)
        if not due:
            stopping.pause(_until_next(task))


def _until_next(task: CaptionGenerationTask) -> float:
    """Seconds until something of the task is due."""
    asked = Image.objects.asked_for().filter(batch_id=task.pk, regenerate_asked_by=None)
    times = [asked.order_by("next_attempt_at").values_list("next_attempt_at", flat=True).first()]
    if task.scanned_at is None:
        times.append(task.next_attempt_at)
    waits = [(moment - timezone.now()).total_seconds() for moment in times if moment is not None]
    return min(max(min(waits, default=0.0), 0.05), LONGEST_PAUSE)
