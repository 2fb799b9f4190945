"""Tasks and runs for staff; what they do goes through the same functions as the pages."""

from collections.abc import Callable
from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from processing import actions
from processing.models import CaptionGenerationTask, CaptionGenerationUserSettings, ProcessingRun
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
