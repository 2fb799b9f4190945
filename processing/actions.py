"""What people do with tasks. Pages, admin and commands all come through here; the work itself is in `running`."""

from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User
from accounts.roles import Ability
from captions import drafts
from captions.models import Image
from platforms.models import AttentionAbout, PlatformConnection
from processing import doorbells, lifecycle
from processing.models import CaptionGenerationTask, TaskStatus
from processing.task_settings import TaskSettings
from vedfolnir.lib.deadlocks import again_after_deadlock


class TaskRefused(Exception):
    """Nothing was changed; the message says why, to the person who asked."""


class TaskNotAllowed(TaskRefused):
    """This person may not start or stop work on this connection."""


class TaskAlreadyActive(TaskRefused):
    """The connection has a task that is queued or running: `task`."""

    def __init__(self, task: CaptionGenerationTask) -> None:
        super().__init__(_("A task for this account is under way already."))
        self.task = task


class NothingToDo(TaskRefused):
    """There is no picture, or no task, that this would change."""


def start_task(connection: PlatformConnection, user: User, **limits: Any) -> CaptionGenerationTask:
    """Have an account's pictures without alt text found and drafted.

    `limits` are fields of TaskSettings that are to differ from what the person has set for this connection.

    Raises TaskNotAllowed, TaskAlreadyActive, TaskRefused when the connection cannot be worked with.
    """
    require_permission(connection, user)
    require_working(connection)
    wishes = TaskSettings.chosen_by(user, connection, **limits)
    task = _create(connection, user, wishes)
    doorbells.task(task.pk)
    return task


def cancel_task(task: CaptionGenerationTask, user: User | None, reason: str = "") -> None:
    """Stop a task; drafts that are there stay. `user` is None for an operator at the command line.

    Takes effect within one call to the outside. Raises TaskNotAllowed, TaskRefused when it has ended already.
    """
    if user is not None:
        require_permission(task.platform_connection, user)
    again_after_deadlock(lambda: _cancel(task, user, reason))
    lifecycle.withdraw(task.pk)


def requeue_task(task: CaptionGenerationTask, user: User | None) -> CaptionGenerationTask:
    """Take up an ended task again: its scan if that did not come to an end, its pictures that failed or were left.

    Raises TaskNotAllowed, TaskAlreadyActive, NothingToDo, TaskRefused when the connection cannot be worked with.
    """
    if user is not None:
        require_permission(task.platform_connection, user)
    require_working(task.platform_connection)
    again_after_deadlock(lambda: _requeue(task, user))
    doorbells.task(task.pk)
    task.refresh_from_db()
    return task


def requeue_errors(connection: PlatformConnection, user: User) -> CaptionGenerationTask:
    """Try all pictures of a connection that ended in an error once more, by a task that scans nothing.

    Raises TaskNotAllowed, TaskAlreadyActive, NothingToDo, TaskRefused when the connection cannot be worked with.
    """
    require_permission(connection, user)
    require_working(connection)
    failed = Image.objects.filter(platform_connection=connection, status=Image.Status.ERROR)
    with transaction.atomic():
        task = _create(connection, user, TaskSettings.chosen_by(user, connection), scanned_at=timezone.now())
        asked = drafts.ask_again(failed, task.pk)
        if not asked:
            raise NothingToDo(_("No picture of this account is in error."))
        lifecycle.open_without_scan(task, asked)
    doorbells.task(task.pk)
    return task


def require_permission(connection: PlatformConnection, user: User) -> None:
    """Raises TaskNotAllowed unless this person may have work done for this connection."""
    decidable = PlatformConnection.objects.decidable_by(user).filter(pk=connection.pk)
    if not (user.can(Ability.GENERATE) and decidable.exists()):
        raise TaskNotAllowed(_("You may not start or stop tasks for this account."))


def require_working(connection: PlatformConnection) -> None:
    """Raises TaskRefused while the connection is switched off, or its server does not accept the access token."""
    now = PlatformConnection.objects.only("is_active", "attention", "attention_about").get(pk=connection.pk)
    if not now.is_active:
        raise TaskRefused(_("This connection is switched off. Connect the account again first."))
    if now.attention and now.attention_about == AttentionAbout.CREDENTIALS:
        raise TaskRefused(
            _("%(reason)s Connect the account again, or test the connection, and then start.")
            % {"reason": now.attention}
        )


def _create(connection: PlatformConnection, user: User, wishes: TaskSettings, **values: Any) -> CaptionGenerationTask:
    """Raises TaskAlreadyActive: the constraint decides, so that two presses of a button make one task."""
    try:
        with transaction.atomic():
            task = CaptionGenerationTask.objects.create(
                user=user,
                platform_connection=connection,
                settings_json=wishes.as_json(),
                current_step=_("Waiting for a worker"),
                **values,
            )
            audit.record("task_started", actor=user, entity=task, connection=connection.pk)
    except IntegrityError as error:
        raise _already_active(connection, error) from error
    return task


@transaction.atomic
def _cancel(task: CaptionGenerationTask, user: User | None, reason: str) -> None:
    active = CaptionGenerationTask.objects.active().filter(pk=task.pk)
    if not lifecycle.close(task, active, TaskStatus.CANCELLED, reason or None):
        raise TaskRefused(_("This task has ended already."))
    audit.record("task_cancelled", actor=user, entity=task, reason=reason)


def _requeue(task: CaptionGenerationTask, user: User | None) -> None:
    failed = Image.objects.filter(batch_id=task.pk, status=Image.Status.ERROR)
    ended = CaptionGenerationTask.objects.filter(pk=task.pk).exclude(status__in=CaptionGenerationTask.ACTIVE)
    try:
        with transaction.atomic():
            if not lifecycle.reopen(task, ended):
                raise TaskAlreadyActive(task)
            asked = drafts.ask_again(failed, task.pk) + drafts.ask_for_rest(task.pk)
            if not asked and task.status == TaskStatus.COMPLETED:
                raise NothingToDo(_("This task has come to its end, and none of its pictures is in error."))
            audit.record("task_requeued", actor=user, entity=task, images=asked)
    except IntegrityError as error:
        raise _already_active(task.platform_connection, error) from error


def _already_active(connection: PlatformConnection, error: IntegrityError) -> Exception:
    active = CaptionGenerationTask.objects.active().filter(platform_connection=connection).first()
    return TaskAlreadyActive(active) if active else error
