from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from vedfolnir.lib.fields import active_marker

FROZEN = ("name", "version", "category", "language", "text")  # of a prompt that drafts were made by


class PromptInUse(Exception):
    """Drafts were made by this prompt: it stays as it is, and an edit makes the next version."""


class PromptTemplateQuerySet(models.QuerySet["PromptTemplate"]):
    def current(self) -> Self:
        return self.filter(is_current=True)

    def used(self) -> Self:
        return self.filter(used_at__isnull=False)

    def take_into_use(self, pk: int) -> None:
        """From now on nobody changes it. Only the first use is noted."""
        self.filter(pk=pk, used_at=None).update(used_at=timezone.now())

    def update(self, **values: Any) -> int:
        """As ever; raises PromptInUse where words would change that drafts were made by."""
        if values.keys() & set(FROZEN):
            _require_unused(self)
        return super().update(**values)

    def delete(self) -> tuple[int, dict[str, int]]:
        """As ever; raises PromptInUse where one of them was used."""
        _require_unused(self)
        return super().delete()


def _require_unused(prompts: PromptTemplateQuerySet) -> None:
    if prompts.used().exists():
        raise PromptInUse(_now("Drafts were made by this prompt, so it stays as it is. Save another version."))


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

    objects = PromptTemplateQuerySet.as_manager()

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

    def save(self, *args: Any, **kwargs: Any) -> None:
        """As ever; raises PromptInUse where words would change that drafts were made by."""
        fields = kwargs.get("update_fields")
        if not self._state.adding and (fields is None or set(fields) & set(FROZEN)):
            as_it_is = {name: getattr(self, name) for name in FROZEN}
            stored = PromptTemplate.objects.used().filter(pk=self.pk).values(*FROZEN).first()
            if stored is not None and stored != as_it_is:
                _require_unused(PromptTemplate.objects.filter(pk=self.pk))
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """As ever; raises PromptInUse if it was used."""
        _require_unused(PromptTemplate.objects.filter(pk=self.pk))
        return super().delete(*args, **kwargs)
