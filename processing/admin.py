"""Tasks, runs and publications for staff; what they do goes through the same functions as the pages."""

from collections.abc import Callable
from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from captions import actions as caption_actions
from captions.admin import AT_ONCE, FactsAdmin
from captions.models import Publication
from processing import (
    actions,
    attempt_admin,  # noqa: F401  (registers its model)
    prompt_admin,  # noqa: F401  (registers its model)
)
from processing.models import CaptionGenerationTask, CaptionGenerationUserSettings, ProcessingRun
from processing.publishing import explaining, requests
from vedfolnir.admin import BoundedAdmin


class ReadOnly:
    """Rows that the work itself writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(CaptionGenerationTask)
class TaskAdmin(ReadOnly, BoundedAdmin[CaptionGenerationTask]):
    list_display = ("id", "platform_connection", "user", "status", "progress_percent", "current_step", "created_at")
    list_filter = ("status", "created_at")
    list_select_related = ("platform_connection", "user")
    search_fields = ("=id", "=user__username_key", "platform_connection__name")
    search_help_text = gettext_lazy("A task's id, a user name, or part of a connection's name")
    ordering = ("-created_at",)
    actions = ("cancel", "requeue")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [field.name for field in self.model._meta.fields]

    @admin.action(description=gettext_lazy("Cancel"), permissions=["change"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[CaptionGenerationTask]) -> None:
        self._each(request, queryset, lambda task, user: actions.cancel_task(task, user, _("Cancelled by staff.")))

    @admin.action(description=gettext_lazy("Try again"), permissions=["change"])
    def requeue(self, request: HttpRequest, queryset: QuerySet[CaptionGenerationTask]) -> None:
        self._each(request, queryset, actions.requeue_task)

    def _each(
        self,
        request: HttpRequest,
        queryset: QuerySet[CaptionGenerationTask],
        do: Callable[[CaptionGenerationTask, User], object],
    ) -> None:
        done = 0
        for task in queryset.select_related("platform_connection"):
            try:
                do(task, cast(User, request.user))
            except actions.TaskRefused as error:
                self.message_user(request, f"{task.pk}: {error}", messages.WARNING)
            else:
                done += 1
        if done:
            self.message_user(request, _("Done for %(count)d tasks.") % {"count": done}, messages.SUCCESS)


@admin.register(ProcessingRun)
class RunAdmin(ReadOnly, BoundedAdmin[ProcessingRun]):
    list_display = (
        "id",
        "platform_connection",
        "status",
        "posts_processed",
        "images_processed",
        "captions_generated",
        "errors_count",
        "started_at",
    )
    list_filter = ("status",)
    list_select_related = ("platform_connection",)
    search_fields = ("=batch_id", "platform_connection__name")
    search_help_text = gettext_lazy("A task's id, or part of a connection's name")
    ordering = ("-pk",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(CaptionGenerationUserSettings)
class UserSettingsAdmin(BoundedAdmin[CaptionGenerationUserSettings]):
    list_display = ("user", "platform_connection", "max_posts_per_run", "max_caption_length", "reprocess_existing")
    list_select_related = ("user", "platform_connection")
    autocomplete_fields = ("user", "platform_connection")
    search_fields = ("=user__username_key", "platform_connection__name")
    ordering = ("-pk",)


@admin.register(Publication)
class PublicationAdmin(FactsAdmin[Publication]):
    list_display = (
        "id",
        "post",
        "platform_connection",
        "status",
        "attempts",
        "next_attempt_at",
        "verified_at",
        "reason",
    )
    list_select_related = ("post", "platform_connection")
    list_filter = ("status",)
    search_help_text = gettext_lazy("The number of a publication")
    actions = ("publish_now", "undo")
    change_form_template = "admin/captions/publication/change_form.html"

    def view_on_site(self, obj: Publication) -> str:
        return reverse("publications:detail", args=[obj.pk])

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Publication | None = None,
    ) -> HttpResponse:
        context["can_be_undone"] = obj is not None and requests.can_be_undone(obj)
        return super().render_change_form(request, context, add, change, form_url, obj)

    @admin.display(description=gettext_lazy("reason"))
    def reason(self, publication: Publication) -> str:
        return Truncator(publication.error).chars(80)

    @admin.action(
        description=gettext_lazy("Publish now, without waiting for the other pictures"), permissions=["change"]
    )
    def publish_now(self, request: HttpRequest, publications: QuerySet[Publication]) -> None:
        def publish(publication: Publication, user: User) -> None:
            if publication.status != Publication.Status.WAITING:
                raise caption_actions.DecisionRefused(_("It does not wait for other pictures."))
            caption_actions.publish_now(publication.post, user=user)

        self.each(request, publications, publish, _("To be published now:"))

    @admin.action(description=gettext_lazy("Undo: put the alt texts back as they were"), permissions=["change"])
    def undo(self, request: HttpRequest, publications: QuerySet[Publication]) -> TemplateResponse | None:
        """Show what would be put back, and do it once that was confirmed."""

        def ask(publication: Publication, user: User) -> None:
            try:
                requests.request_undo(publication, user=user)
            except requests.RequestRefused as error:
                raise caption_actions.DecisionRefused(error.reason) from error

        if request.POST.get("confirmed"):
            self.each(request, publications, ask, _("To be undone:"))
            return None
        chosen = list(publications[:AT_ONCE])
        context = {
            **self.admin_site.each_context(request),
            "title": _("Undo publications"),
            "opts": self.opts,
            "rows": [(row, explaining.put_back(row)) for row in chosen if requests.can_be_undone(row)],
            "others": [row for row in chosen if not requests.can_be_undone(row)],
        }
        return TemplateResponse(request, "admin/captions/publication/undo.html", context)
