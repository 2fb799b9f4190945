"""The states of a task after its start: each step is a conditional write that only the holder of the lease can make."""

import json
import logging
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from captions import drafts
from processing import backoff, leases
from processing.figures import Figures, figures, results
from processing.models import CaptionGenerationTask, ProcessingRun, RunStatus, TaskQuerySet, TaskStatus
from vedfolnir.lib.deadlocks import again_after_deadlock

logger = logging.getLogger(__name__)

FAILURES_MOST = 8
RETRY_FIRST, RETRY_MOST = timedelta(seconds=15), timedelta(minutes=15)
PROGRESS_EVERY = timedelta(seconds=1)


def claim(task_id: str) -> CaptionGenerationTask | None:
    """Take a task that is due and not yet scanned, and open its run; None if there is nothing to take.

    The failure is counted now and taken back when the scan is done, so that a worker's death is counted too.
    """
    with transaction.atomic():
        if not CaptionGenerationTask.objects.filter(scanned_at=None).claim(task_id, leases.task_lease()):
            return None
        now = timezone.now()
        CaptionGenerationTask.objects.filter(pk=task_id).update(
            status=TaskStatus.RUNNING,
            started_at=Coalesce(F("started_at"), Value(now)),
            failures=F("failures") + 1,
            error_message=None,
            current_step=_("Reading the account"),
        )
        task = CaptionGenerationTask.objects.select_related("platform_connection", "user").get(pk=task_id)
        _open_run(task)
    return task


def _open_run(task: CaptionGenerationTask) -> None:
    connection = task.platform_connection
    _run, is_new = ProcessingRun.objects.get_or_create(
        batch_id=task.pk,
        platform_connection=connection,
        defaults={
            "user_id": str(task.user_id),
            "platform_type": connection.platform_type,
            "instance_url": connection.instance_url,
        },
    )
    if not is_new:
        _runs(task.pk).update(status=RunStatus.RUNNING, completed_at=None, retry_attempts=F("retry_attempts") + 1)


def open_without_scan(task: CaptionGenerationTask, images: int) -> None:
    """Start a task whose images are known already."""
    now = timezone.now()
    CaptionGenerationTask.objects.filter(pk=task.pk).update(
        status=TaskStatus.RUNNING,
        started_at=now,
        images_found=images,
        current_step=_step(Figures(images, 0, 0, images)),
    )
    _open_run(task)


def reopen(task: CaptionGenerationTask, ended: TaskQuerySet) -> bool:
    """Take up an ended task where it stopped; False if it has not ended. Raises IntegrityError if another is active.

    Without a scan that came to its end, it scans again; `claim` or `note_progress` goes on from there.
    """
    again = {
        "next_attempt_at": timezone.now(),
        "completed_at": None,
        "error_message": None,
        "failures": 0,
        "attempts": F("attempts") + 1,
        "progress_percent": 0,
        "current_step": _("Waiting for a worker"),
    }
    reopened = ended.filter(scanned_at=None).update(status=TaskStatus.QUEUED, **again)
    reopened = reopened or ended.filter(scanned_at__isnull=False).update(status=TaskStatus.RUNNING, **again)
    if reopened:
        _open_run(task)
    return bool(reopened)


def held(task: CaptionGenerationTask) -> TaskQuerySet:
    """The task as long as this worker holds it."""
    return CaptionGenerationTask.objects.held(task.pk, task.attempts)


def keep(task: CaptionGenerationTask, **values: Any) -> None:
    """Renew the lease and note `values`. Raises LeaseLost when another worker holds it or it was cancelled."""
    percent = values.pop("progress_percent", 0)
    lease = {"next_attempt_at": timezone.now() + leases.task_lease()}
    if not held(task).update(**lease, **values, progress_percent=Greatest("progress_percent", Value(percent))):
        raise leases.LeaseLost


def require_held(task: CaptionGenerationTask) -> None:
    """Inside a transaction: nobody can cancel or take the task until it ends. Raises LeaseLost."""
    if not list(held(task).select_for_update().values_list("pk")):
        raise leases.LeaseLost


def scanned(task: CaptionGenerationTask, *, posts: int, images: int, skipped: int) -> None:
    """The account has been read: from here on the images say how far the task is. Raises LeaseLost."""
    now = timezone.now()
    values = {
        "scanned_at": now,
        "next_attempt_at": now,
        "failures": 0,
        "images_found": images,
        "current_step": _step(Figures(images, 0, 0, images)),
        "results_json": json.dumps({"posts_processed": posts, "skipped_existing": skipped}),
        "progress_percent": Greatest("progress_percent", Value(10)),
    }
    if not held(task).update(**values):
        raise leases.LeaseLost
    _runs(task.pk).update(posts_processed=posts)


def give_back(task: CaptionGenerationTask) -> None:
    """The worker stops; another one may take the task at once."""
    held(task).update(next_attempt_at=timezone.now(), failures=F("failures") - 1)


def postpone(task: CaptionGenerationTask, reason: str, *, retry_after: float | None = None) -> None:
    """Try again later and say why; after FAILURES_MOST failures in a row, fail."""
    if task.failures >= FAILURES_MOST:
        gave_up = _("Gave up after %(count)d attempts. %(reason)s") % {"count": task.failures, "reason": reason}
        fail(task, gave_up)
        return
    later = backoff.next_attempt(task.failures, first=RETRY_FIRST, most=RETRY_MOST, retry_after=retry_after)
    held(task).update(next_attempt_at=later, error_message=reason, current_step=_waiting_until(later))


def fail(task: CaptionGenerationTask, reason: str) -> bool:
    """End the task because a person must look. What was found and drafted stays."""
    logger.warning("task %s failed: %s", task.pk, reason)
    return end(task, held(task), TaskStatus.FAILED, reason)


def note_progress(task_id: str, *, only_when_due: bool = False) -> None:
    """Bring the row of a scanned task up to date, at most once in PROGRESS_EVERY, or complete it.

    `only_when_due` saves the counting in between; then a task may be complete a moment before it is said.
    """
    now = timezone.now()
    running = CaptionGenerationTask.objects.filter(pk=task_id, status=TaskStatus.RUNNING, scanned_at__isnull=False)
    task = running.first()
    if task is None or (only_when_due and task.next_attempt_at is not None and task.next_attempt_at > now):
        return
    counted = figures(task_id)
    if not counted.left:
        end(task, running.filter(attempts=task.attempts), TaskStatus.COMPLETED)
        return
    running.filter(attempts=task.attempts, next_attempt_at__lte=now).update(
        next_attempt_at=now + PROGRESS_EVERY,
        images_found=counted.found,
        images_done=counted.done,
        progress_percent=Greatest("progress_percent", Value(counted.percent)),
        current_step=_step(counted),
    )


def end(task: CaptionGenerationTask, still: TaskQuerySet, status: TaskStatus, reason: str | None = None) -> bool:
    """Close the task and its run if it is `still` as the caller believes; False, and nothing changed, otherwise.

    Open requests for drafts are withdrawn: in the name of a task that has ended nothing more is made.
    """
    return again_after_deadlock(lambda: _end(task, still, status, reason))


@transaction.atomic
def _end(task: CaptionGenerationTask, still: TaskQuerySet, status: TaskStatus, reason: str | None) -> bool:
    now = timezone.now()
    if not still.update(status=status, completed_at=now, next_attempt_at=None, error_message=reason):
        return False
    drafts.withdraw(task.pk)
    counted = figures(task.pk)
    logger.info("task %s: %s: %s", task.pk, status, _outcome(counted))
    outcome = results(task, counted, _seconds(task.started_at, now))
    CaptionGenerationTask.objects.filter(pk=task.pk).update(
        results_json=json.dumps(outcome),
        images_found=counted.found,
        images_done=counted.made,
        current_step=_outcome(counted),
        **({"progress_percent": 100} if status == TaskStatus.COMPLETED else {}),
    )
    _runs(task.pk).update(
        status=RunStatus(status.value),
        completed_at=now,
        posts_processed=outcome["posts_processed"],
        images_processed=outcome["images_processed"],
        captions_generated=outcome["captions_generated"],
        errors_count=outcome["errors_count"],
    )
    return True


def _runs(task_id: str) -> Any:
    return ProcessingRun.objects.filter(batch_id=task_id)


def _seconds(started: datetime | None, now: datetime) -> float:
    return (now - started).total_seconds() if started else 0.0


def _step(counted: Figures) -> str:
    return _("Describing: %(done)d of %(found)d pictures") % {"done": counted.done, "found": counted.found}


def _waiting_until(later: datetime) -> str:
    return _("Waiting; next attempt at %(time)s UTC") % {"time": later.strftime("%H:%M:%S")}


def _outcome(counted: Figures) -> str:
    made = ngettext("%(count)d draft", "%(count)d drafts", counted.drafted) % {"count": counted.drafted}
    failed = ngettext("%(count)d error", "%(count)d errors", counted.failed) % {"count": counted.failed}
    return ", ".join([made, *([failed] if counted.failed else [])])
