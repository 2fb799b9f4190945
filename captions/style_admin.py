"""How each connection writes, for staff to look at; it is changed on the page of the connection."""

from typing import ClassVar

from django.contrib import admin
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from captions.models import GlossaryEntry, StyleGuide
from platforms.switching import SECRETS
from vedfolnir.admin import BoundedAdmin

CREDENTIALS = tuple(f"platform_connection__{name}" for name in SECRETS)


class StyleRowAdmin(BoundedAdmin[StyleGuide | GlossaryEntry]):
    """Rows that the page of a connection writes."""

    list_select_related: ClassVar[tuple[str, ...]] = ("platform_connection",)
    search_fields: ClassVar[tuple[str, ...]] = ("=platform_connection__name",)
    search_help_text = _("The name of a connection")
    ordering: ClassVar[tuple[str, ...]] = ("-id",)
    readonly_fields: ClassVar[tuple[str, ...]] = ("page",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[StyleGuide | GlossaryEntry]:
        return super().get_queryset(request).defer(*CREDENTIALS)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    @admin.display(description=_("page"))
    def page(self, row: StyleGuide | GlossaryEntry) -> str:
        url = reverse("style:guide", args=[row.platform_connection_id])
        return format_html('<a href="{}">{}</a>', url, _("Change it there"))


@admin.register(StyleGuide)
class StyleGuideAdmin(StyleRowAdmin):
    list_display = ("platform_connection", "language", "also_in", "tone", "updated_at")
    fields = ("platform_connection", "language", "also_in", "tone", "wanted_length", "avoid", "notes", "page")


@admin.register(GlossaryEntry)
class GlossaryEntryAdmin(StyleRowAdmin):
    list_display = ("term", "kind", "has_consent", "platform_connection", "updated_at")
    list_filter = ("kind", "has_consent")
    search_fields = ("^term", "=platform_connection__name")
    search_help_text = _("The beginning of an entry, or the name of a connection")
    fields = ("platform_connection", "kind", "term", "looks_like", "instead_of", "has_consent", "page")
