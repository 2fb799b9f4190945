from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from platforms.models import PlatformConnection
from vedfolnir.lib.fields import enum_check
from vedfolnir.lib.querysets import TouchingQuerySet


class StyleGuide(models.Model):
    """How the alt texts of one connection are to be written."""

    platform_connection = models.OneToOneField(PlatformConnection, on_delete=models.CASCADE, related_name="style_guide")
    language = models.CharField(_("language"), max_length=20, default="", db_default="", blank=True)
    also_in = models.CharField(_("also in these languages"), max_length=100, default="", db_default="", blank=True)
    tone = models.CharField(_("tone"), max_length=300, default="", db_default="", blank=True)
    wanted_length = models.PositiveIntegerField(
        _("wanted length"), null=True, blank=True, validators=[MinValueValidator(40), MaxValueValidator(1500)]
    )  # code points
    avoid = models.TextField(_("words to avoid"), default="", blank=True)  # a word or phrase a line
    notes = models.TextField(_("anything else"), default="", blank=True)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    objects = TouchingQuerySet["StyleGuide"].as_manager()

    class Meta:
        db_table = "style_guides"
        verbose_name = _("style guide")

    def __str__(self) -> str:
        return f"style guide of connection {self.platform_connection_id}"


class GlossaryKind(models.TextChoices):
    THING = "thing", _("Thing, place or organisation")
    PERSON = "person", _("Person")


class GlossaryEntry(models.Model):
    """How one connection names a thing or a person. A person is only ever named with their consent."""

    Kind = GlossaryKind

    platform_connection = models.ForeignKey(PlatformConnection, on_delete=models.CASCADE, related_name="glossary")
    kind = models.CharField(
        _("kind"), max_length=20, choices=Kind.choices, default=Kind.THING, db_default=Kind.THING.value
    )
    term = models.CharField(_("name"), max_length=200)
    looks_like = models.CharField(_("how to recognise it"), max_length=300, default="", db_default="", blank=True)
    instead_of = models.CharField(_("not"), max_length=300, default="", db_default="", blank=True)
    has_consent = models.BooleanField(_("agreed to be named"), default=False, db_default=False)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    objects = TouchingQuerySet["GlossaryEntry"].as_manager()

    class Meta:
        db_table = "glossary_entries"
        verbose_name = _("glossary entry")
        verbose_name_plural = _("glossary")
        constraints = [
            models.UniqueConstraint(fields=["platform_connection", "term"], name="uq_glossary_term"),
            enum_check("kind", GlossaryKind, "ck_glossary_entries_kind"),
        ]

    def __str__(self) -> str:
        return self.term
