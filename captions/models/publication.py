from datetime import datetime, timedelta
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from captions.models.post import Post
from platforms.models import AttentionAbout, PlatformConnection
from vedfolnir.lib.fields import active_marker, enum_check
from vedfolnir.lib.querysets import TouchingQuerySet


class PublicationStatus(models.TextChoices):
    WAITING = "waiting", _("Waiting for the other pictures of the post")
    QUEUED = "queued", _("Queued")
    POSTED = "posted", _("Posted and checked")
    REFUSED = "refused", _("Not posted: a person must look")
    UNDOING = "undoing", _("To be undone")
    UNDONE = "undone", _("Undone")


class PublicationQuerySet(TouchingQuerySet["Publication"]):
    def visible_to(self, user: User) -> Self:
        return self.filter(post__in=Post.objects.visible_to(user))

    def open(self) -> Self:
        return self.filter(status__in=Publication.OPEN)

    def due(self, now: datetime | None = None) -> Self:
        """What a worker may take now: not held by another, on an active connection whose server did not ask to wait.

        A connection that needs attention holds back what is to be written, not what a person wants undone, unless it
        is about the access; what went wrong by one connection holds it back by all connections to that account.
        """
        now = now or timezone.now()
        active = PlatformConnection.objects.filter(is_active=True).filter(
            Q(paused_until=None) | Q(paused_until__lte=now)
        )
        stopped = PlatformConnection.objects.of_stopped_accounts()
        works = active.filter(Q(attention=None) | Q(attention="")).exclude(pk__in=stopped.values("pk"))
        speaking = active.filter(Q(attention=None) | Q(attention="") | ~Q(attention_about=AttentionAbout.CREDENTIALS))
        ready = Q(status=Publication.Status.QUEUED, platform_connection__in=works) | Q(
            status=Publication.Status.UNDOING, platform_connection__in=speaking
        )
        return self.filter(ready, status__in=Publication.WORK, next_attempt_at__lte=now)

    def claim(self, pk: int, lease: timedelta) -> bool:
        """Take a due publication for one worker; False if another got there first.

        Call it with the rows of all connections to the account locked: one account has one writer at a time.
        """
        now = timezone.now()
        connection = self.filter(pk=pk).values_list("platform_connection", flat=True).first()
        account = PlatformConnection.objects.of_same_account(connection or 0)
        if Publication.objects.writing(now).filter(platform_connection__in=account).exclude(pk=pk).exists():
            return False
        taken = {"next_attempt_at": now + lease, "leased_until": now + lease, "attempts": F("attempts") + 1}
        return self.due(now).filter(pk=pk).update(**taken) == 1

    def writing(self, now: datetime | None = None) -> Self:
        """Those that a worker holds now."""
        return self.filter(status__in=Publication.WORK, leased_until__gt=now or timezone.now())

    def held(self, pk: int, attempts: int) -> Self:
        """The publication as long as this attempt is the latest."""
        return self.filter(pk=pk, attempts=attempts, status__in=Publication.WORK)


class Publication(models.Model):
    """One edit of one post, for all its approved images: the outbox row that a worker finds."""

    Status = PublicationStatus

    OPEN = (PublicationStatus.WAITING, PublicationStatus.QUEUED)
    WORK = (PublicationStatus.QUEUED, PublicationStatus.UNDOING)  # what a worker may take

    post = models.ForeignKey(Post, on_delete=models.CASCADE, related_name="publications")
    platform_connection = models.ForeignKey(PlatformConnection, on_delete=models.CASCADE, related_name="publications")
    status = models.CharField(
        max_length=20, choices=Status.choices, default=Status.WAITING, db_default=Status.WAITING.value
    )
    seen_edited_at = models.CharField(max_length=40, default="", db_default="", blank=True)
    before = models.JSONField(null=True, blank=True)  # the whole status and its source, before the first edit: for undo
    base = models.JSONField(null=True, blank=True)  # the same, right before the latest request that may have changed it
    sent_at = models.DateTimeField(null=True, blank=True)  # when that was; empty once its outcome is known
    sending = models.JSONField(null=True, blank=True)  # what that request was to write: attachment id to alt text
    after = models.JSONField(null=True, blank=True)  # the same, as last read back
    texts = models.JSONField(null=True, blank=True)  # what was written: attachment id to alt text
    # What went wrong, until it is known to be right: "found" in sentences; "shown", by attachment id, what the server
    # made of alt texts of ours.
    alarm = models.JSONField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0, db_default=0)
    failures = models.PositiveIntegerField(default=0, db_default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    error = models.TextField(default="", blank=True)
    requested_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())
    verified_at = models.DateTimeField(null=True, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)
    open_marker = active_marker(Q(status__in=("waiting", "queued")))

    objects = PublicationQuerySet.as_manager()

    class Meta:
        db_table = "publications"
        verbose_name = _("publication")
        constraints = [
            enum_check("status", PublicationStatus, "ck_publications_status"),
            models.UniqueConstraint(fields=["post", "open_marker"], name="uq_publication_open"),
        ]
        indexes = [
            models.Index(fields=["status", "next_attempt_at", "id"], name="ix_publication_due"),
            models.Index(fields=["platform_connection", "status", "id"], name="ix_publication_connection"),
        ]

    def __str__(self) -> str:
        return f"publication {self.pk} of post {self.post_id}"

    @property
    def was_undone_in_part(self) -> bool:
        """Whether it was published, and then an undo went wrong: nobody says any more that the texts are there."""
        return self.status == Publication.Status.REFUSED and self.verified_at is not None
