"""Posts, images and texts for staff: rows are facts, and decisions go through `captions.actions`."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

from django.contrib import admin, messages
from django.db import models
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts import staff
from accounts.models import User
from captions import (
    actions,
    style_admin,  # noqa: F401  (registers its models)
)
from captions.models import CaptionVersion, Image, Post
from platforms.switching import SECRETS
from vedfolnir.admin import BoundedAdmin
from vedfolnir.lib.numbers import row_number

Row = TypeVar("Row", bound=models.Model)

CREDENTIALS = tuple(f"platform_connection__{name}" for name in SECRETS)
AT_ONCE = 500  # rows that one action takes; each is a transaction of its own
REFUSALS_SHOWN = 5


class FactsAdmin(BoundedAdmin[Row]):
    """Rows that staff look at: not added by hand, never deleted (a deleted row would be found and drafted again)."""

    editable: Sequence[str] = ()
    remote_id_field = ""  # searched by its beginning; it leads an index
    search_fields = ("pk",)  # shows the box; get_search_results does the search
    show_facets = admin.ShowFacets.NEVER  # a count of the whole table for each choice
    ordering = ("-id",)
    list_select_related: ClassVar[tuple[str, ...]] = ("platform_connection",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Row]:
        # Without the credentials, which a list would decrypt row by row.
        rows = super().get_queryset(request)
        return rows.defer(*CREDENTIALS) if hasattr(self.model, "platform_connection") else rows

    def get_readonly_fields(self, request: HttpRequest, obj: Row | None = None) -> list[str]:
        return [field.name for field in self.model._meta.fields if field.name not in self.editable]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Row], search_term: str
    ) -> tuple[QuerySet[Row], bool]:
        """By number, else by the beginning of the server's id: what an index finds, whatever the table's size."""
        term = search_term.strip()
        if not term:
            return queryset, False
        name = self.remote_id_field
        by_remote_id = models.Q(**{f"{name}__gte": term, f"{name}__lt": f"{term}\uffff"}) if name else models.Q(pk=None)
        found = queryset.filter(pk=row_number(term))
        return (found if found.exists() else queryset.filter(by_remote_id)), False

    def has_add_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Row, form: ModelForm[Row], change: bool) -> None:
        """Only what was edited: a full save would undo what a worker or a reviewer did meanwhile."""
        type(obj)._default_manager.filter(pk=obj.pk).update(**{name: getattr(obj, name) for name in form.changed_data})

    def each(self, request: HttpRequest, rows: QuerySet[Row], act: Callable[[Row, User], object], done: str) -> None:
        """Do `act` to each row, and say for how many it was done, and why not for the others."""
        user = staff.actor(request)
        refused = []
        chosen = list(rows[:AT_ONCE])
        for row in chosen:
            try:
                act(row, user)
            except actions.DecisionRefused as reason:
                refused.append(f"{row}: {reason}")
        if count := len(chosen) - len(refused):
            self.message_user(request, f"{done} {count}", messages.SUCCESS)
        for text in refused[:REFUSALS_SHOWN]:
            self.message_user(request, text, messages.WARNING)
        hidden = len(refused) - REFUSALS_SHOWN
        if hidden > 0:
            text = ngettext("And %(count)d more was refused.", "And %(count)d more were refused.", hidden)
            self.message_user(request, text % {"count": hidden}, messages.WARNING)


class VersionInline(admin.TabularInline[CaptionVersion, Image]):
    """Every text that the image ever had, the latest first."""

    model = CaptionVersion
    fields = readonly_fields = ("created_at", "kind", "text", "author", "engine", "model", "score")
    ordering = ("-id",)
    extra = 0
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[CaptionVersion]:
        return super().get_queryset(request).select_related("author")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Post)
class PostAdmin(FactsAdmin[Post]):
    list_display = ("id", "excerpt", "platform_connection", "visibility", "attachment_count", "posted_at")
    search_help_text = gettext_lazy("A number, or the beginning of the server's id")
    remote_id_field = "post_id"

    @admin.display(description=gettext_lazy("post"))
    def excerpt(self, post: Post) -> str:
        return Truncator(post.post_content or post.post_url).chars(80)


@admin.register(Image)
class ImageAdmin(FactsAdmin[Image]):
    list_display = (
        "id",
        "excerpt",
        "status",
        "platform_connection",
        "caption_quality_score",
        "captioned_at",
        "reviewed_at",
    )
    list_filter = ("status",)
    search_help_text = gettext_lazy("A number, or the beginning of the server's id")
    remote_id_field = "image_post_id"
    editable = ("reviewer_notes",)
    inlines = (VersionInline,)
    actions = ("approve_drafts", "reject_drafts", "requeue_failed")

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """By the index that the filter uses."""
        return ("-captioned_at", "-id") if "status__exact" in request.GET else ("-id",)

    @admin.display(description=gettext_lazy("text"))
    def excerpt(self, image: Image) -> str:
        return Truncator(image.text or image.processing_error or "").chars(80)

    @admin.action(description=gettext_lazy("Approve the drafts as they are"), permissions=["change"])
    def approve_drafts(self, request: HttpRequest, images: QuerySet[Image]) -> None:
        def approve(image: Image, user: User) -> None:
            actions.approve(image, text=image.text, reviewer=user)

        self.each(request, images, approve, _("Approved:"))

    @admin.action(description=gettext_lazy("Reject the drafts"), permissions=["change"])
    def reject_drafts(self, request: HttpRequest, images: QuerySet[Image]) -> None:
        def reject(image: Image, user: User) -> None:
            actions.reject(image, reason=_("Rejected in the admin"), reviewer=user)

        self.each(request, images, reject, _("Rejected:"))

    @admin.action(description=gettext_lazy("Draft those in error once more"), permissions=["change"])
    def requeue_failed(self, request: HttpRequest, images: QuerySet[Image]) -> None:
        def requeue(image: Image, user: User) -> None:
            actions.requeue(image, user=user)

        self.each(request, images, requeue, _("To be drafted again:"))


@admin.register(CaptionVersion)
class CaptionVersionAdmin(FactsAdmin[CaptionVersion]):
    list_display = ("id", "image", "kind", "excerpt", "author", "engine", "model", "score", "created_at")
    list_select_related = ("image", "author")
    search_help_text = gettext_lazy("The number of an image")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[CaptionVersion], search_term: str
    ) -> tuple[QuerySet[CaptionVersion], bool]:
        """The texts of one image: what people look for here."""
        term = search_term.strip()
        if not term:
            return queryset, False
        number = row_number(term)
        return queryset.filter(image=number) if number is not None else queryset.none(), False

    @admin.display(description=gettext_lazy("text"))
    def excerpt(self, version: CaptionVersion) -> str:
        return Truncator(version.text).chars(80)
