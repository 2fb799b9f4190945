"""Tasks, their runs, and how each person wants theirs done."""

from datetime import datetime, timedelta
from typing import Any, Self
from uuid import uuid4

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.roles import Ability
from captions.models import Image
from platforms.models import PlatformConnection
from vedfolnir.lib.fields import SingleFloatField, active_marker, enum_check
from vedfolnir.lib.querysets import TouchingQuerySet


def new_task_id() -> str:
    return str(uuid4())


class TaskStatus(models.TextChoices):
    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    COMPLETED = "completed", _("Completed")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


class TaskQuerySet(models.QuerySet["CaptionGenerationTask"]):
    def visible_to(self, user: User) -> Self:
        if user.can(Ability.SEE_ALL):
            return self
        return self.filter(platform_connection__in=PlatformConnection.objects.visible_to(user))

    def active(self) -> Self:
        return self.filter(status__in=CaptionGenerationTask.ACTIVE)

    def due(self, now: datetime | None = None) -> Self:
        """Queued or running tasks whose next step nobody holds."""
        return self.active().filter(next_attempt_at__lte=now or timezone.now())

    def withdrawing(self) -> Self:
        """Ended tasks whose open requests for drafts are not all taken back yet: `next_attempt_at` says so."""
        return self.exclude(status__in=CaptionGenerationTask.ACTIVE).filter(next_attempt_at__isnull=False)

    def claim(self, pk: str, lease: timedelta) -> bool:
        """Take a due task for one worker; False if another got there first."""
        now = timezone.now()
        taken = {"next_attempt_at": now + lease, "attempts": F("attempts") + 1}
        return self.due(now).filter(pk=pk).update(**taken) == 1

    def held(self, pk: str, attempts: int) -> Self:
        """The task as long as this attempt is the latest and nobody cancelled it."""
        return self.active().filter(pk=pk, attempts=attempts)


class CaptionGenerationTask(models.Model):
    """Find and draft what one connection lacks. The row says how far it is."""

    Status = TaskStatus

    ACTIVE = (TaskStatus.QUEUED, TaskStatus.RUNNING)

    id = models.CharField(primary_key=True, max_length=36, default=new_task_id, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="tasks")
    platform_connection = models.ForeignKey(PlatformConnection, on_delete=models.CASCADE, related_name="tasks")
    status = models.CharField(
        max_length=20, choices=Status.choices, default=Status.QUEUED, db_default=Status.QUEUED.value
    )
    settings_json = models.TextField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    started_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    error_message = models.TextField(null=True, blank=True)
    results_json = models.TextField(null=True, blank=True)
    progress_percent = models.IntegerField(default=0, db_default=0)
    current_step = models.CharField(max_length=200, null=True, blank=True)

    attempts = models.PositiveIntegerField(default=0, db_default=0)  # only grows: it marks who holds the lease
    failures = models.PositiveIntegerField(default=0, db_default=0)
    next_attempt_at = models.DateTimeField(default=timezone.now, null=True, blank=True)
    scanned_at = models.DateTimeField(null=True, blank=True)
    scan_cursor = models.CharField(max_length=500, default="", db_default="", blank=True)  # the last post read so far
    images_found = models.PositiveIntegerField(default=0, db_default=0)
    images_done = models.PositiveIntegerField(default=0, db_default=0)
    active_marker = active_marker(Q(status__in=("queued", "running")))

    objects = TaskQuerySet.as_manager()

    class Meta:
        db_table = "caption_generation_tasks"
        verbose_name = _("task")
        constraints = [
            enum_check("status", TaskStatus, "ck_caption_generation_tasks_status"),
            models.UniqueConstraint(fields=["platform_connection", "active_marker"], name="uq_task_active"),
        ]
        indexes = [
            models.Index(fields=["status", "next_attempt_at"], name="ix_task_due"),
            models.Index(fields=["created_at"], name="ix_task_created"),
        ]

    def __str__(self) -> str:
        return self.pk

    @property
    def is_active(self) -> bool:
        return self.status in self.ACTIVE


class RunStatus(models.TextChoices):
    RUNNING = "running", _("Running")
    COMPLETED = "completed", _("Completed")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


class ProcessingRun(models.Model):
    """What one task did, in figures."""

    Status = RunStatus

    user_id = models.CharField(max_length=200)  # the documented column: text, not a foreign key
    batch_id = models.CharField(max_length=200, null=True, blank=True)
    started_at = models.DateTimeField(default=timezone.now, db_default=Now())
    completed_at = models.DateTimeField(null=True, blank=True)
    posts_processed = models.IntegerField(default=0, db_default=0)
    images_processed = models.IntegerField(default=0, db_default=0)
    captions_generated = models.IntegerField(default=0, db_default=0)
    errors_count = models.IntegerField(default=0, db_default=0)
    status = models.CharField(
        max_length=50, choices=Status.choices, default=Status.RUNNING, db_default=Status.RUNNING.value
    )
    platform_connection = models.ForeignKey(
        PlatformConnection, on_delete=models.CASCADE, null=True, blank=True, related_name="runs"
    )
    platform_type = models.CharField(max_length=50, null=True, blank=True)
    instance_url = models.CharField(max_length=500, null=True, blank=True)
    retry_attempts = models.IntegerField(default=0, db_default=0)
    retry_successes = models.IntegerField(default=0, db_default=0)
    retry_failures = models.IntegerField(default=0, db_default=0)
    retry_total_time = models.IntegerField(default=0, db_default=0)  # seconds
    retry_stats_json = models.TextField(null=True, blank=True)

    class Meta:
        db_table = "processing_runs"
        verbose_name = _("run")
        constraints = [
            models.UniqueConstraint(fields=["batch_id", "platform_connection"], name="uq_batch_platform"),
        ]

    def __str__(self) -> str:
        return f"run {self.pk}"


class AttemptOutcome(models.TextChoices):
    ANSWERED = "answered", _("Answered")
    REUSED = "reused", _("Taken from an earlier answer")  # the same picture, model and prompt: not sent again
    REFUSED = "refused", _("Refused")
    UNAVAILABLE = "unavailable", _("Not available")
    HELD = "held", _("Left alone")  # the breaker was open: not asked


class EngineAttempt(models.Model):
    """One call of an engine for one picture, or why it was not made. Never changed."""

    Outcome = AttemptOutcome

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="engine_attempts")
    task_id = models.CharField(max_length=36, default="", db_default="", blank=True)
    engine = models.CharField(_("engine"), max_length=50)
    model = models.CharField(_("model"), max_length=100, default="", db_default="", blank=True)
    prompt_version = models.CharField(_("prompt"), max_length=50, default="", db_default="", blank=True)
    outcome = models.CharField(_("outcome"), max_length=20, choices=Outcome.choices)
    reason = models.TextField(_("reason"), default="", blank=True)
    tokens_in = models.PositiveIntegerField(null=True, blank=True)
    tokens_out = models.PositiveIntegerField(null=True, blank=True)
    seconds = models.FloatField(_("seconds"), null=True, blank=True)
    cost = models.DecimalField(_("cost"), max_digits=12, decimal_places=6, null=True, blank=True)
    created_at = models.DateTimeField(_("when"), default=timezone.now, db_default=Now())

    class Meta:
        db_table = "engine_attempts"
        verbose_name = _("engine attempt")
        constraints = [enum_check("outcome", AttemptOutcome, "ck_engine_attempts_outcome")]
        indexes = [
            models.Index(fields=["engine", "model", "created_at"], name="ix_engine_attempt_model"),
            models.Index(fields=["created_at", "id"], name="ix_engine_attempt_created"),
        ]

    def __str__(self) -> str:
        return f"{self.engine} {self.outcome} for image {self.image_id}"


class KeptAnswer(models.Model):
    """What an engine answered: the same question about the same bytes need not be asked, and paid for, again.

    Kept when the answer comes, whether it becomes a draft or not. Never changed.
    """

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="kept_answers")
    request_key = models.CharField(max_length=64)  # SHA-256 over the picture and all that the engine was asked with
    answer = models.JSONField()  # the fields of processing.engines.EngineAnswer
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())

    class Meta:
        db_table = "kept_answers"
        verbose_name = _("kept answer")
        indexes = [models.Index(fields=["request_key", "id"], name="ix_kept_answer_key")]

    def __str__(self) -> str:
        return f"answer for image {self.image_id}"


class EngineSlot(models.Model):
    """A place at an engine, held by one call at a time: how many work at once is the engine's limit, not a worker's.

    A holder that dies lets go by `held_until`.
    """

    engine = models.CharField(max_length=50)
    number = models.PositiveSmallIntegerField()
    holder = models.CharField(max_length=36, default="", db_default="", blank=True)
    held_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "engine_slots"
        verbose_name = _("engine slot")
        constraints = [models.UniqueConstraint(fields=["engine", "number"], name="uq_engine_slot")]

    def __str__(self) -> str:
        return f"{self.engine} {self.number}"


class CaptionGenerationUserSettings(models.Model):
    """How one person wants the tasks of one connection done."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    platform_connection = models.ForeignKey(PlatformConnection, on_delete=models.CASCADE, related_name="+")
    max_posts_per_run = models.IntegerField(
        default=50, db_default=50, validators=[MinValueValidator(1), MaxValueValidator(100_000)]
    )
    max_caption_length = models.IntegerField(
        default=500, db_default=500, validators=[MinValueValidator(50), MaxValueValidator(5000)]
    )
    optimal_min_length = models.IntegerField(default=80, db_default=80, validators=[MinValueValidator(1)])
    optimal_max_length = models.IntegerField(default=200, db_default=200, validators=[MinValueValidator(1)])
    reprocess_existing = models.BooleanField(default=False, db_default=False)
    processing_delay = SingleFloatField(default=1.0, db_default=1.0, validators=[MinValueValidator(0.0)])  # seconds
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    objects = TouchingQuerySet["CaptionGenerationUserSettings"].as_manager()

    class Meta:
        db_table = "caption_generation_user_settings"
        verbose_name = _("caption settings")
        verbose_name_plural = _("caption settings")
        constraints = [
            models.UniqueConstraint(fields=["user", "platform_connection"], name="uq_user_platform_settings"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} on {self.platform_connection_id}"

    def as_dict(self) -> dict[str, Any]:
        """What a task keeps in `settings_json`, by the documented names."""
        names = (
            "max_posts_per_run",
            "max_caption_length",
            "optimal_min_length",
            "optimal_max_length",
            "reprocess_existing",
            "processing_delay",
        )
        return {name: getattr(self, name) for name in names}
