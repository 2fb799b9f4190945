from collections.abc import Iterable
from typing import Any, Self

from django.conf import settings
from django.db import models, router, transaction
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
        models.QuerySet.update(self.filter(pk=pk, used_at=None), used_at=timezone.now())

    def update(self, **values: Any) -> int:
        """As ever; raises PromptInUse where words would change that drafts were made by, or that they were."""
        if not values.keys() & {*FROZEN, "used_at"}:
            return super().update(**values)
        with transaction.atomic(using=self.db):
            _require_unused(self)
            return super().update(**values)

    def bulk_create(
        self, objs: Iterable["PromptTemplate"], *args: Any, update_conflicts: bool = False, **kwargs: Any
    ) -> list["PromptTemplate"]:
        """As ever; raises PromptInUse where it may overwrite what is there, used or not."""
        if update_conflicts:
            raise PromptInUse(_now("Prompts are never overwritten. Save another version."))
        return super().bulk_create(objs, *args, **kwargs)

    def delete(self) -> tuple[int, dict[str, int]]:
        """As ever; raises PromptInUse where one of them was used."""
        with transaction.atomic(using=self.db):
            _require_unused(self)
            return super().delete()


def _require_unused(prompts: PromptTemplateQuerySet) -> None:
    """Within a transaction: until it ends, none of them is taken into use either."""
    if any(prompts.select_for_update().values_list("used_at", flat=True)):
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
        """As ever; raises PromptInUse where words would change that drafts were made by.

        Compared is with the row as it is now, whatever this object knows; `used_at` is written when a row is made, and
        by `take_into_use` alone.
        """
        using = kwargs.get("using") or router.db_for_write(type(self), instance=self)
        with transaction.atomic(using=using):
            stored = PromptTemplate.objects.using(using).select_for_update().filter(pk=self.pk).first()
            if stored is not None and not kwargs.get("force_insert"):
                kwargs["update_fields"] = self._written(kwargs.get("update_fields"))
                self._require_same_words(stored, kwargs["update_fields"])
                self.used_at = stored.used_at
            super().save(*args, **kwargs)

    def _written(self, wanted: Iterable[str] | None) -> list[str]:
        """The names of the columns that a save may write."""
        own = {field.name for field in self._meta.concrete_fields if not field.primary_key and not field.generated}
        own -= {"used_at", *(self.get_deferred_fields() if wanted is None else ())}
        return sorted(own if wanted is None else own & set(wanted))

    def _require_same_words(self, stored: "PromptTemplate", written: Iterable[str]) -> None:
        if stored.used_at is not None and any(
            getattr(self, name) != getattr(stored, name) for name in FROZEN if name in written
        ):
            raise PromptInUse(_now("Drafts were made by this prompt, so it stays as it is. Save another version."))

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """As ever; raises PromptInUse if it was used."""
        with transaction.atomic():
            _require_unused(PromptTemplate.objects.filter(pk=self.pk))
            return super().delete(*args, **kwargs)
