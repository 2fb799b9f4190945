from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from captions.models.image import Image
from vedfolnir.lib.fields import enum_check


class VersionKind(models.TextChoices):
    ORIGINAL = "original", _("Found on the server")
    GENERATED = "generated", _("Drafted")
    REVIEWED = "reviewed", _("Reviewed")
    FINAL = "final", _("Approved")
    PUBLISHED = "published", _("Published")
    UNDONE = "undone", _("Undone")


class CaptionVersion(models.Model):
    """A text that an image once had, with where it came from. Never changed."""

    Kind = VersionKind

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="versions", db_index=False)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    text = models.TextField()
    language = models.CharField(max_length=20, default="", db_default="", blank=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    engine = models.CharField(max_length=50, default="", db_default="", blank=True)
    model = models.CharField(max_length=100, default="", db_default="", blank=True)
    prompt_version = models.CharField(max_length=50, default="", db_default="", blank=True)
    score = models.PositiveSmallIntegerField(null=True, blank=True)
    findings = models.JSONField(default=list, blank=True)  # [{"code", "severity", "message", "span"}]
    tokens_in = models.PositiveIntegerField(null=True, blank=True)
    tokens_out = models.PositiveIntegerField(null=True, blank=True)
    seconds = models.FloatField(null=True, blank=True)
    cost = models.DecimalField(max_digits=12, decimal_places=6, null=True, blank=True)  # in the currency of the prices
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())

    class Meta:
        db_table = "caption_versions"
        verbose_name = _("text")
        constraints = [enum_check("kind", VersionKind, "ck_caption_versions_kind")]
        indexes = [models.Index(fields=["image", "id"], name="ix_caption_version_image")]

    def __str__(self) -> str:
        return f"{self.kind} of image {self.image_id}"
