from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.roles import Ability
from captions.models.post import Post
from platforms.models import PlatformConnection
from vedfolnir.lib.fields import RemoteIdField, delete_along, enum_check
from vedfolnir.lib.querysets import TouchingQuerySet

if TYPE_CHECKING:
    from captions.models.version import CaptionVersion

REVIEW_CLAIM = timedelta(minutes=5)


class ImageStatus(models.TextChoices):
    PENDING = "pending", _("Pending")  # not yet drafted (captioned_at empty) or awaiting review (set)
    REVIEWED = "reviewed", _("Reviewed")  # the first of four eyes
    APPROVED = "approved", _("Approved")
    REJECTED = "rejected", _("Rejected")
    POSTED = "posted", _("Posted")
    ERROR = "error", _("Error")


class AttachmentType(models.TextChoices):
    """The kinds of attachment that have a picture to describe, as the Mastodon API names them."""

    IMAGE = "image", _("Image")
    GIFV = "gifv", _("Animation without sound")
    VIDEO = "video", _("Video")


class ImageQuerySet(TouchingQuerySet["Image"]):
    def visible_to(self, user: User) -> Self:
        if user.can(Ability.SEE_ALL):
            return self
        return self.filter(platform_connection__in=PlatformConnection.objects.visible_to(user))

    def decidable_by(self, user: User) -> Self:
        return self.filter(platform_connection__in=PlatformConnection.objects.decidable_by(user))

    def undrafted(self) -> Self:
        return self.filter(status=Image.Status.PENDING, captioned_at=None)

    def asked_for(self) -> Self:
        """Images whose draft somebody wants: the first one, or, where `regenerate_asked_at` is set, a new one."""
        return self.filter(status=Image.Status.PENDING, next_attempt_at__isnull=False)

    def asked_by_people(self) -> Self:
        """Those of `asked_for` that a person wants for this very image, and waits for, rather than a whole task."""
        return self.asked_for().filter(regenerate_asked_by__isnull=False)

    def awaiting_review(self) -> Self:
        return self.filter(status=Image.Status.PENDING, captioned_at__isnull=False)

    def decidable_now(self) -> Self:
        """What a person can approve or reject: what awaits review, and what failed and can be described by hand.

        A worker may be making a new draft of it: then the decision wins, and `held` does not match any more.
        """
        return self.filter(Q(status=Image.Status.PENDING, captioned_at__isnull=False) | Q(status=Image.Status.ERROR))

    def in_review_order(self) -> Self:
        """Oldest draft first; (captioned_at, id) is the keyset and ends the indexes that serve it."""
        return self.order_by("captioned_at", "id")

    def holding_back(self) -> Self:
        """What the publication of its post waits for: what awaits review, and what a draft is asked for.

        What nobody asked a draft for, or not any more, could hold it back for ever.
        """
        expected = Q(captioned_at__isnull=False) | Q(next_attempt_at__isnull=False)
        return self.filter(expected, status=Image.Status.PENDING)

    def due(self, now: datetime | None = None) -> Self:
        """Images whose draft, the first or a new one, was asked for and that no worker holds."""
        return self.asked_for().filter(next_attempt_at__lte=now or timezone.now())

    def claim(self, pk: int, lease: timedelta) -> bool:
        """Take a due image for one worker; False if another got there first, or the connection is switched off.

        Pushing `next_attempt_at` forward is the lease: if the worker dies, the image falls due again by itself. The
        failure is counted now and taken back by a draft, so that a picture that kills its worker is counted too.
        """
        # All in one statement: PostgreSQL locks the post, too, for a row that its transaction wrote before.
        taken = {
            "next_attempt_at": timezone.now() + lease,
            "attempts": F("attempts") + 1,
            "failures": F("failures") + 1,
            "processing_error": None,
        }
        active = PlatformConnection.objects.filter(is_active=True)
        return self.due().filter(pk=pk, platform_connection__in=active).update(**taken) == 1

    def held(self, pk: int, attempts: int) -> Self:
        """The image as long as this attempt is the latest: what a worker that outlived its lease cannot match.

        An image with a draft is held only while a new one is wanted.
        """
        wanted = Q(captioned_at=None) | Q(regenerate_asked_at__isnull=False)
        return self.filter(wanted, status=Image.Status.PENDING, pk=pk, attempts=attempts)

    def claim_for_review(self, pk: int, user: User, now: datetime | None = None) -> bool:
        """Hold an image for one reviewer for a few minutes, so that two do not work on the same one."""
        now = now or timezone.now()
        free = Q(claimed_until=None) | Q(claimed_until__lte=now) | Q(claimed_by=user)
        # First of all: MySQL's later assignments see what the earlier ones wrote.
        goes_on = When(
            claimed_by=user, claimed_until__gt=now, review_opened_at__isnull=False, then=F("review_opened_at")
        )
        opened = {"review_opened_at": Case(goes_on, default=Value(now), output_field=models.DateTimeField())}
        taken = {**opened, "claimed_by": user, "claimed_until": now + REVIEW_CLAIM}
        return self.decidable_now().filter(free, pk=pk).update(**taken) == 1

    def note_opening(self, pk: int, user: User, now: datetime | None = None) -> None:
        """Whoever holds the image sees its new draft now, on the page that they have open."""
        self.filter(pk=pk, claimed_by=user, review_opened_at=None).update(review_opened_at=now or timezone.now())

    def free_for(self, user: User, now: datetime | None = None) -> Self:
        """Without those that another reviewer holds now."""
        now = now or timezone.now()
        return self.filter(Q(claimed_until=None) | Q(claimed_until__lte=now) | Q(claimed_by=user))


class Image(models.Model):
    """One attachment of a post: its alt text from first draft to the server."""

    Status = ImageStatus
    AttachmentType = AttachmentType

    post = models.ForeignKey(Post, on_delete=models.CASCADE, related_name="images")
    image_url = models.CharField(max_length=1000)
    local_path = models.CharField(max_length=500, default="", blank=True)
    original_filename = models.CharField(max_length=200, null=True, blank=True)
    media_type = models.CharField(max_length=100, null=True, blank=True)
    image_post_id = RemoteIdField(max_length=100, null=True, blank=True)
    attachment_index = models.IntegerField()
    platform_connection = models.ForeignKey(
        PlatformConnection, on_delete=delete_along, null=True, related_name="images"
    )
    platform_type = models.CharField(max_length=50, null=True, blank=True)
    instance_url = models.CharField(max_length=500, null=True, blank=True)
    original_caption = models.TextField(_("alt text found"), null=True, blank=True)
    generated_caption = models.TextField(_("draft"), null=True, blank=True)
    reviewed_caption = models.TextField(_("reviewed alt text"), null=True, blank=True)
    final_caption = models.TextField(_("approved alt text"), null=True, blank=True)
    image_category = models.CharField(_("kind of picture"), max_length=50, null=True, blank=True)
    prompt_used = models.TextField(_("prompt"), null=True, blank=True)
    status = models.CharField(
        _("status"), max_length=20, choices=Status.choices, default=Status.PENDING, db_default=Status.PENDING.value
    )
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())
    reviewed_at = models.DateTimeField(_("reviewed at"), null=True, blank=True)
    posted_at = models.DateTimeField(_("posted at"), null=True, blank=True)
    original_post_date = models.DateTimeField(_("date of the post"), null=True, blank=True)
    reviewer_notes = models.TextField(_("notes"), null=True, blank=True)
    processing_error = models.TextField(_("error"), null=True, blank=True)
    caption_quality_score = models.IntegerField(_("score"), null=True, blank=True)
    needs_special_review = models.BooleanField(_("needs special review"), default=False, db_default=False)

    full_image_post_id = models.TextField(null=True, blank=True)
    preview_url = models.TextField(default="", blank=True)
    captioned_at = models.DateTimeField(_("drafted at"), null=True, blank=True)
    failures = models.PositiveIntegerField(default=0, db_default=0)
    attempts = models.PositiveIntegerField(default=0, db_default=0)  # only grows: it marks who holds the lease
    next_attempt_at = models.DateTimeField(null=True, blank=True)  # empty: nobody asked for a draft
    batch_id = models.CharField(max_length=36, default="", db_default="", blank=True)  # the task that asked
    is_decorative = models.BooleanField(default=False, db_default=False)
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    claimed_until = models.DateTimeField(null=True, blank=True)
    content_hash = models.CharField(max_length=64, default="", db_default="", blank=True, db_index=True)
    perceptual_hash = models.CharField(max_length=16, default="", db_default="", blank=True)
    width = models.PositiveIntegerField(null=True, blank=True)
    height = models.PositiveIntegerField(null=True, blank=True)
    language = models.CharField(max_length=20, default="", db_default="", blank=True)
    remote_alt_text = models.TextField(null=True, blank=True)  # as the server had it when last read
    # What the attachment is on the server. Of a video or a GIF that became one, the poster frame is described.
    attachment_type = models.CharField(
        max_length=20,
        choices=AttachmentType.choices,
        default=AttachmentType.IMAGE,
        db_default=AttachmentType.IMAGE.value,
    )
    visible_text = models.TextField(default="", db_default="", blank=True)  # what was read in the picture, a line each
    # Somebody asked for a new draft; the old one stays until it is there. Empty: nobody did, or it is there.
    regenerate_asked_at = models.DateTimeField(null=True, blank=True)
    regenerate_asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    regenerate_instruction = models.CharField(max_length=500, default="", db_default="", blank=True)
    candidates_wanted = models.PositiveSmallIntegerField(default=0, db_default=0)  # beside the draft
    proposed_decorative = models.BooleanField(default=False, db_default=False)  # the engine's opinion; a person decides
    review_opened_at = models.DateTimeField(null=True, blank=True)  # when who holds it first saw it with this draft

    objects = ImageQuerySet.as_manager()

    class Meta:
        db_table = "images"
        verbose_name = _("image")
        constraints = [
            models.UniqueConstraint(fields=["image_post_id", "platform_connection"], name="uq_image_platform"),
            enum_check("status", ImageStatus, "ck_images_status"),
            enum_check("attachment_type", AttachmentType, "ck_images_attachment_type"),
        ]
        indexes = [
            models.Index(fields=["platform_connection", "status", "captioned_at", "id"], name="ix_image_review"),
            models.Index(fields=["status", "captioned_at", "id"], name="ix_image_review_all"),
            models.Index(fields=["status", "next_attempt_at", "id"], name="ix_image_due"),
            models.Index(fields=["batch_id", "status", "captioned_at", "next_attempt_at"], name="ix_image_batch"),
            models.Index(fields=["created_at", "id"], name="ix_image_created"),
            models.Index(fields=["status", "reviewed_at"], name="ix_image_decided"),
        ]

    def __str__(self) -> str:
        return f"image {self.pk}"

    @property
    def remote_id(self) -> str:
        """The id that the server knows the attachment by."""
        return self.full_image_post_id or self.image_post_id or ""

    @property
    def is_decidable(self) -> bool:
        """As `ImageQuerySet.decidable_now` has it."""
        awaits_review = self.status == ImageStatus.PENDING and self.captioned_at is not None
        return awaits_review or self.status == ImageStatus.ERROR

    @property
    def is_redrafting(self) -> bool:
        """Whether a new draft is being made while this one can be read and decided."""
        return self.status == ImageStatus.PENDING and self.captioned_at is not None and bool(self.regenerate_asked_at)

    @property
    def redraft_failure(self) -> str:
        """Why the new draft that was asked for last did not come about; the old one stays."""
        is_old = self.status == ImageStatus.PENDING and self.captioned_at is not None and not self.regenerate_asked_at
        return (self.processing_error or "") if is_old else ""

    def latest_version(self) -> "CaptionVersion | None":
        """The text that came last, without those that are only offered beside the draft."""
        return self.versions.exclude(kind="candidate").order_by("-pk").first()

    @property
    def text(self) -> str:
        """The best text so far: approved, else reviewed, else the draft."""
        return self.final_caption or self.reviewed_caption or self.generated_caption or ""
