from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from captions.models.image import Image
from captions.models.prompt import PromptTemplate
from vedfolnir.lib.fields import enum_check


class VersionKind(models.TextChoices):
    ORIGINAL = "original", _("Found on the server")
    GENERATED = "generated", _("Drafted")
    CANDIDATE = "candidate", _("Offered beside the draft")
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
    findings = models.JSONField(default=list, blank=True)  # [{"code", "severity", "message", "span", perhaps "detail"}]
    tokens_in = models.PositiveIntegerField(null=True, blank=True)
    tokens_out = models.PositiveIntegerField(null=True, blank=True)
    seconds = models.FloatField(null=True, blank=True)  # that the engine took, or the person from opening to deciding
    cost = models.DecimalField(max_digits=12, decimal_places=6, null=True, blank=True)  # in the currency of the prices
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())
    category = models.CharField(max_length=50, default="", db_default="", blank=True)  # the kind of picture at the time
    # Where the text is in several languages: [{"language", "text"}], in the order of the text; else empty.
    parts = models.JSONField(default=list, db_default=[], blank=True)
    instruction = models.CharField(max_length=500, default="", db_default="", blank=True)  # given for this draft
    temperature = models.FloatField(null=True, blank=True)
    confidence = models.FloatField(null=True, blank=True)  # mean log-probability of a token, where the engine says so
    prompt_template = models.ForeignKey(
        PromptTemplate, on_delete=models.PROTECT, null=True, blank=True, related_name="versions"
    )
    # Of a decision: the draft that it was made on, and how many code points were inserted, removed or replaced in it.
    based_on = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="decisions")
    edit_distance = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        db_table = "caption_versions"
        verbose_name = _("text")
        constraints = [enum_check("kind", VersionKind, "ck_caption_versions_kind")]
        indexes = [
            models.Index(fields=["image", "id"], name="ix_caption_version_image"),
            models.Index(fields=["kind", "created_at"], name="ix_caption_version_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of image {self.image_id}"
