"""The calls of engines for staff: what each took, and why it failed."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from captions.admin import FactsAdmin
from processing.engine_settings import PLACES
from processing.models import EngineAttempt


class EngineFilter(admin.SimpleListFilter):
    """By the engines that there are: which of them the table holds is not worth reading all of it."""

    title = _("engine")
    parameter_name = "engine"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, StrOrPromise]]:
        return [(name, name) for name in PLACES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[EngineAttempt]) -> QuerySet[EngineAttempt]:
        return queryset.filter(engine=self.value()) if self.value() in PLACES else queryset


@admin.register(EngineAttempt)
class EngineAttemptAdmin(FactsAdmin[EngineAttempt]):
    list_display = (
        "id",
        "image",
        "engine",
        "model",
        "outcome",
        "tokens_in",
        "tokens_out",
        "seconds",
        "cost",
        "short_reason",
        "created_at",
    )
    list_select_related = ("image",)
    list_filter = (EngineFilter, "outcome")
    search_help_text = _("The number of an attempt")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=_("reason"))
    def short_reason(self, attempt: EngineAttempt) -> str:
        return Truncator(attempt.reason).chars(80)
