"""The states of a task after its start: each step is a conditional write that only the holder of the lease can make."""

import json
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from captions import drafts
from captions.models import Image
from platforms.clients.base import UnreadableStatus
from platforms.models import PlatformConnection
from processing import backoff, engine_trouble, leases
from processing.figures import (
    Figures,
    figures,
    final_figures,
    has_open_images,
    in_hand_since,
    next_retry,
    noted_by_scan,
    results,
)
from processing.models import CaptionGenerationTask, ProcessingRun, RunStatus, TaskQuerySet, TaskStatus
from vedfolnir.lib.deadlocks import again_after_deadlock

logger = logging.getLogger(__name__)

FAILURES_MOST = 8
RETRY_FIRST, RETRY_MOST = timedelta(seconds=15), timedelta(minutes=15)
PROGRESS_EVERY, PICTURES_A_SECOND = timedelta(seconds=1), 10_000  # counting those of a large task takes a while
BUSY_FOR = timedelta(seconds=20)  # then a page says so
WITHDRAWN_AT_ONCE, WITHDRAW_SECONDS = 1000, 2.0


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
        "scan_cursor": "",
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
    """Renew the lease and note `values`.

    Raises LeaseLost when another worker holds it, it was cancelled, or the connection was switched off.
    """
    percent = values.pop("progress_percent", 0)
    lease = {"next_attempt_at": timezone.now() + leases.task_lease()}
    active = PlatformConnection.objects.filter(is_active=True)
    if (
        not held(task)
        .filter(platform_connection__in=active)
        .update(**lease, **values, progress_percent=Greatest("progress_percent", Value(percent)))
    ):
        raise leases.LeaseLost


def require_held(task: CaptionGenerationTask) -> None:
    """Inside a transaction: nobody can cancel or take the task until it ends. Raises LeaseLost."""
    if not list(held(task).select_for_update().values_list("pk")):
        raise leases.LeaseLost


def scanned(
    task: CaptionGenerationTask,
    *,
    posts: int,
    images: int,
    skipped: int,
    unreadable: Sequence[UnreadableStatus] = (),
    unseen: int = 0,
) -> None:
    """The account has been read: from here on the images say how far the task is. Raises LeaseLost."""
    now = timezone.now()
    values = {
        "scanned_at": now,
        "next_attempt_at": now,
        "failures": 0,
        "images_found": images,
        "current_step": _step(Figures(images, 0, 0, images)),
        "results_json": json.dumps(noted_by_scan(posts, skipped, unreadable, unseen)),
        "progress_percent": Greatest("progress_percent", Value(10)),
    }
    if not held(task).update(**values):
        raise leases.LeaseLost
    _runs(task.pk).update(posts_processed=posts)


def give_back(task: CaptionGenerationTask) -> None:
    """The worker stops; another one may take the task at once."""
    held(task).update(next_attempt_at=timezone.now(), failures=F("failures") - 1)


def postpone(task: CaptionGenerationTask, reason: str, *, retry_after: float | None = None, tried: bool = True) -> None:
    """Try again later and say why; after FAILURES_MOST failures in a row, fail. What was not `tried` is no failure."""
    failures = task.failures if tried else task.failures - 1
    if failures >= FAILURES_MOST:
        gave_up = _("Gave up after %(count)d attempts. %(reason)s") % {"count": failures, "reason": reason}
        fail(task, gave_up)
        return
    later = backoff.next_attempt(failures, first=RETRY_FIRST, most=RETRY_MOST, retry_after=retry_after)
    waiting = {"next_attempt_at": later, "error_message": reason, "current_step": _waiting_until(later)}
    held(task).update(**waiting, failures=failures)


def fail(task: CaptionGenerationTask, reason: str) -> bool:
    """End the task because a person must look. What was found and drafted stays."""
    logger.warning("task %s failed: %s", task.pk, reason)
    return end(task, held(task), TaskStatus.FAILED, reason)


def note_progress(task_id: str) -> None:
    """Complete a scanned task whose images are done, or bring its row up to date when that is due.

    The row says why a picture waits, too, and since when the engine has been busy with one.
    """
    now = timezone.now()
    running = CaptionGenerationTask.objects.filter(pk=task_id, status=TaskStatus.RUNNING, scanned_at__isnull=False)
    task = running.first()
    if task is None:
        return
    if not has_open_images(task_id):
        end(task, running.filter(attempts=task.attempts), TaskStatus.COMPLETED)
        return
    if task.next_attempt_at is not None and task.next_attempt_at > now:
        return
    # Whoever moves the time on counts; the others need not.
    pace = PROGRESS_EVERY + timedelta(seconds=task.images_found / PICTURES_A_SECOND)
    if not running.filter(attempts=task.attempts, next_attempt_at__lte=now).update(next_attempt_at=now + pace):
        return
    counted = figures(task_id)
    running.filter(attempts=task.attempts).update(
        images_found=counted.found,
        images_done=counted.done,
        progress_percent=Greatest("progress_percent", Value(counted.percent)),
        current_step=_step(counted, in_hand_since(task_id, now)),
        error_message=_why_a_picture_waits(next_retry(task_id, now)) or _why_no_drafts_come(now),
    )


def end_if_switched_off(task_id: str) -> bool:
    """End an active task whose connection rests by now."""
    resting = PlatformConnection.objects.filter(is_active=False)
    still = CaptionGenerationTask.objects.active().filter(pk=task_id, platform_connection__in=resting)
    task = still.first()
    return task is not None and end(task, still, TaskStatus.CANCELLED, _("The connection was switched off."))


def end(task: CaptionGenerationTask, still: TaskQuerySet, status: TaskStatus, reason: str | None = None) -> bool:
    """Close the task and begin to withdraw its open requests for drafts; see `close`. Not inside a transaction."""
    ended = again_after_deadlock(lambda: close(task, still, status, reason))
    if ended:
        withdraw(task.pk)
    return ended


@transaction.atomic
def close(task: CaptionGenerationTask, still: TaskQuerySet, status: TaskStatus, reason: str | None = None) -> bool:
    """Close the task and its run if it is `still` as the caller believes; False, and nothing changed, otherwise.

    In the name of a task that has ended nothing more is made: call `withdraw` once this is committed. If nobody does,
    the sweep finds it.
    """
    now = timezone.now()
    left = None if status == TaskStatus.COMPLETED else now
    if not still.update(status=status, completed_at=now, next_attempt_at=left, error_message=reason):
        return False
    counted = final_figures(task.pk)
    outcome = results(task, counted, _seconds(task.started_at, now))
    came_of_it = _outcome(outcome["captions_generated"], outcome["errors_count"])
    logger.info("task %s: %s: %s", task.pk, status, came_of_it)
    CaptionGenerationTask.objects.filter(pk=task.pk).update(
        results_json=json.dumps(outcome),
        images_found=counted.found,
        images_done=counted.made,
        current_step=came_of_it,
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


def withdraw(task_id: str, *, seconds: float = WITHDRAW_SECONDS) -> bool:
    """Take back what an ended task still asks for, for about `seconds`; True when nothing is left to take back."""
    until = monotonic() + seconds
    while again_after_deadlock(lambda: _withdraw_some(task_id)):
        if monotonic() > until:
            return False
    return True


@transaction.atomic
def _withdraw_some(task_id: str) -> bool:
    """True if there may be more. The lock keeps the task from being taken up again in between."""
    ended = CaptionGenerationTask.objects.withdrawing().filter(pk=task_id)
    if not list(ended.select_for_update().values_list("pk")):
        return False
    if drafts.withdraw(task_id, most=WITHDRAWN_AT_ONCE):
        return True
    ended.update(next_attempt_at=None)
    return False


def _runs(task_id: str) -> Any:
    return ProcessingRun.objects.filter(batch_id=task_id)


def _seconds(started: datetime | None, now: datetime) -> float:
    return (now - started).total_seconds() if started else 0.0


def _step(counted: Figures, busy_since: datetime | None = None) -> str:
    values = {"done": counted.done, "found": counted.found}
    if busy_since is None or timezone.now() - busy_since < BUSY_FOR:
        return _("Describing: %(done)d of %(found)d pictures") % values
    busy = _("Describing: %(done)d of %(found)d pictures; the engine has been busy with one since %(time)s UTC")
    return busy % {**values, "time": busy_since.strftime("%H:%M:%S")}


def _why_a_picture_waits(image: Image | None) -> str | None:
    if image is None or image.next_attempt_at is None:
        return None
    return _("A picture waits for another attempt: %(reason)s; next attempt at %(time)s UTC") % {
        "reason": (image.processing_error or "").rstrip("."),
        "time": image.next_attempt_at.strftime("%H:%M:%S"),
    }


def _why_no_drafts_come(now: datetime) -> str | None:
    """While an engine is left alone no picture is taken, so perhaps none of this task's has an error to tell."""
    found = engine_trouble.trouble(now)
    if found is None:
        return None
    return _("No drafts come for now: %(reason)s It is tried again by itself.") % {"reason": found.reason}


def _waiting_until(later: datetime) -> str:
    return _("Waiting; next attempt at %(time)s UTC") % {"time": later.strftime("%H:%M:%S")}


def _outcome(drafts: int, errors: int) -> str:
    made = ngettext("%(count)d draft", "%(count)d drafts", drafts) % {"count": drafts}
    failed = ngettext("%(count)d error", "%(count)d errors", errors) % {"count": errors}
    return ", ".join([made, *([failed] if errors else [])])
