from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from vedfolnir.lib.fields import active_marker


class PromptTemplate(models.Model):
    """One version of the words that an engine is asked with. Never changed once used: an edit makes the next version.

    `category` and `language` say what it is for; empty means any. The current one that fits best is taken, and the
    built-in words where none does.
    """

    name = models.CharField(_("name"), max_length=100)
    version = models.PositiveIntegerField(_("version"), default=1, db_default=1)
    category = models.CharField(_("kind of picture"), max_length=50, default="", db_default="", blank=True)
    language = models.CharField(_("language of the text"), max_length=20, default="", db_default="", blank=True)
    text = models.TextField(_("prompt"))
    is_current = models.BooleanField(_("in use"), default=False, db_default=False)
    used_at = models.DateTimeField(_("first used"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )
    current_marker = active_marker(Q(is_current=True))

    class Meta:
        db_table = "prompt_templates"
        verbose_name = _("prompt")
        constraints = [
            models.UniqueConstraint(fields=["name", "version"], name="uq_prompt_template_version"),
            models.UniqueConstraint(fields=["name", "current_marker"], name="uq_prompt_template_current"),
        ]
        indexes = [models.Index(fields=["is_current", "category", "language"], name="ix_prompt_template_current")]

    def __str__(self) -> str:
        return f"{self.name}/{self.version}"
