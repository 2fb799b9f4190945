"""Connections and members for staff: no credentials, and whatever changes goes through `platforms.actions`."""

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts import staff
from platforms import actions
from platforms.forms import MembershipForm
from platforms.models import PlatformApp, PlatformConnection, PlatformMember
from platforms.switching import SECRETS
from platforms.wanted import OPTIONS
from vedfolnir.admin import BoundedAdmin

TESTED_AT_ONCE = 3  # each may take ten seconds, and a person waits


@admin.register(PlatformConnection)
class PlatformConnectionAdmin(BoundedAdmin[PlatformConnection]):
    """To look at. Connecting and removing happen on the pages, where the person sees what it means."""

    list_display = ("name", "user", "instance_url", "username", "software", "software_version", "is_active", "trouble")
    list_filter = ("is_active", "platform_type")
    list_select_related = ("user",)
    search_fields = ("^name", "=instance_url", "^username", "^user__username")
    search_help_text = _("The beginning of a name, an account or a user name, or a server's whole address (https://…)")
    ordering = ("-id",)
    readonly_fields = ("page",)
    fieldsets = (
        (None, {"fields": ("name", "user", "instance_url", "username", "account_id", "page")}),
        (_("Server"), {"fields": ("platform_type", "software", "software_version", "alt_text_limit", "scopes", "app")}),
        (_("Scans"), {"fields": OPTIONS}),
        (_("State"), {"fields": ("is_active", "is_default", "attention", "created_at", "updated_at", "last_used")}),
    )
    actions = ("test", "clear_attention", "let_rest", "wake")

    def get_queryset(self, request: HttpRequest) -> QuerySet[PlatformConnection]:
        return super().get_queryset(request).defer(*SECRETS)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: PlatformConnection | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: PlatformConnection | None = None) -> bool:
        """The page asks, and does not list a hundred thousand pictures first."""
        return False

    @admin.display(description=_("needs attention"), boolean=True)
    def trouble(self, connection: PlatformConnection) -> bool | None:
        return False if connection.attention else None  # a red cross, or nothing to say

    @admin.display(description=_("page"))
    def page(self, connection: PlatformConnection) -> str:
        url = reverse("platforms:detail", args=[connection.pk])
        return format_html('<a href="{}">{}</a>', url, _("Test, change or remove it"))

    @admin.action(description=_("Test the connection"), permissions=["view"])
    def test(self, request: HttpRequest, connections: QuerySet[PlatformConnection]) -> None:
        chosen = list(connections.defer(None)[: TESTED_AT_ONCE + 1])
        if len(chosen) > TESTED_AT_ONCE:
            known = {"count": TESTED_AT_ONCE}
            self.message_user(request, _("Choose at most %(count)d at once.") % known, messages.ERROR)
            return
        for connection in chosen:
            try:
                actions.test_connection(connection, staff.actor(request))
            except actions.ConnectRefused as refused:
                self.message_user(request, f"{connection}: {refused.reason}", messages.ERROR)
            else:
                self.message_user(request, _("%(name)s works.") % {"name": connection}, messages.SUCCESS)

    @admin.action(description=_("Settle the need for attention"), permissions=["view"])
    def clear_attention(self, request: HttpRequest, connections: QuerySet[PlatformConnection]) -> None:
        for connection in connections:
            actions.clear_attention(connection, staff.actor(request))
        self._say_done(request, len(connections))

    @admin.action(description=_("Let it rest"), permissions=["view"])
    def let_rest(self, request: HttpRequest, connections: QuerySet[PlatformConnection]) -> None:
        for connection in connections:
            actions.set_active(connection, staff.actor(request), active=False)
        self._say_done(request, len(connections))

    @admin.action(description=_("Let work go on"), permissions=["view"])
    def wake(self, request: HttpRequest, connections: QuerySet[PlatformConnection]) -> None:
        for connection in connections:
            actions.set_active(connection, staff.actor(request), active=True)
        self._say_done(request, len(connections))

    def _say_done(self, request: HttpRequest, count: int) -> None:
        text = ngettext("Done for %(count)d connection.", "Done for %(count)d connections.", count)
        self.message_user(request, text % {"count": count}, messages.SUCCESS)


@admin.register(PlatformApp)
class PlatformAppAdmin(BoundedAdmin[PlatformApp]):
    """Which servers know this installation as an OAuth client. To look at: signing in registers it."""

    list_display = ("instance_url", "redirect_uri", "scopes", "created_at")
    search_fields = ("=instance_url",)
    search_help_text = _("A server's whole address (https://…)")
    ordering = ("-id",)
    fields = ("instance_url", "redirect_uri", "scopes", "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[PlatformApp]:
        return super().get_queryset(request).defer("client_secret")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: PlatformApp | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: PlatformApp | None = None) -> bool:
        return False


@admin.register(PlatformMember)
class PlatformMemberAdmin(BoundedAdmin[PlatformMember]):
    form = MembershipForm
    list_display = ("user", "platform_connection", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("user", "platform_connection")
    search_fields = ("^user__username", "^platform_connection__name")
    autocomplete_fields = ("user", "platform_connection")
    ordering = ("-id",)

    def get_readonly_fields(self, request: HttpRequest, obj: PlatformMember | None = None) -> tuple[str, ...]:
        return ("platform_connection", "user") if obj else ()

    def save_model(
        self, request: HttpRequest, obj: PlatformMember, form: ModelForm[PlatformMember], change: bool
    ) -> None:
        try:
            obj.pk = actions.add_member(obj.platform_connection, obj.user, obj.role, staff.actor(request)).pk
        except actions.ConnectRefused as refused:  # the form asked before; somebody was quicker
            raise PermissionDenied(refused.reason) from refused

    def delete_model(self, request: HttpRequest, obj: PlatformMember) -> None:
        actions.remove_member(obj.platform_connection, obj.user, staff.actor(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[PlatformMember]) -> None:
        for member in queryset.select_related("platform_connection", "user"):
            self.delete_model(request, member)
