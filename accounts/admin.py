"""People, sessions, the audit log. What is changed here goes through `accounts.actions`, as everywhere."""

from typing import Any

import allauth.account.admin  # noqa: F401  (registers EmailAddress)
import django.contrib.auth.admin  # noqa: F401  (registers Group)
from allauth.account.models import EmailAddress
from django.contrib import admin, messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters

from accounts import actions, staff, views
from accounts.forms import NewPersonForm, OtherPasswordForm, PersonForm
from accounts.models import AuditLog, Setting, SystemRequest, User, UserSession
from vedfolnir.admin import BoundedAdmin

# There are roles instead of groups, and users.email is the truth about addresses.
admin.site.unregister([Group, EmailAddress])
# One door, one form, one audit log.
admin.site.login = views.admin_sign_in  # type: ignore[assignment]
admin.site.password_change = views.admin_change_password  # type: ignore[assignment]


@admin.register(User)
class UserAdmin(BoundedAdmin[User], BaseUserAdmin[User]):
    """No deletion: it would take connections, posts and pictures along. An account is switched off instead."""

    add_form = NewPersonForm
    form = PersonForm
    add_fieldsets = ((None, {"fields": ("username", "email", "role", "new_password")}),)
    fieldsets = (
        (None, {"fields": ("username", "email", "role", "is_active", "password_link")}),
        (_("History"), {"fields": ("is_approved", "email_verified_at", "created_at", "last_login")}),
    )
    readonly_fields = ("password_link", "is_approved", "email_verified_at", "created_at", "last_login")
    list_display = ("username", "email", "role", "is_active", "is_approved", "last_login", "created_at")
    list_filter = ("role", "is_active", "is_approved")
    search_fields = ("username", "email")
    ordering = ("username",)
    filter_horizontal = ()
    actions = ("approve", "switch_off", "switch_on", "end_sessions")

    @admin.display(description=_("password"))
    def password_link(self, person: User) -> str:
        url = reverse("admin:auth_user_password_change", args=[person.pk])
        return format_html('<a href="{}">{}</a>', url, _("Set a new password"))

    @method_decorator(sensitive_post_parameters())
    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        if not self.has_change_permission(request):
            raise PermissionDenied
        if (person := self.get_object(request, id)) is None:
            raise Http404
        form = OtherPasswordForm(person, request.POST or None, actor=staff.actor(request))
        if form.is_valid():
            form.save()
            if person == request.user:
                update_session_auth_hash(request, person)
            self.message_user(request, _("The password is set, their sessions have ended."), messages.SUCCESS)
            return redirect("admin:accounts_user_change", person.pk)
        title = _("Set a new password for %(name)s") % {"name": person}
        context = self.admin_site.each_context(request) | {"title": title, "person": person, "form": form}
        return TemplateResponse(request, "admin/accounts/user/set_password.html", context)

    def save_model(self, request: HttpRequest, obj: User, form: ModelForm[User], change: bool) -> None:
        try:
            if change:
                self._change(obj, form, staff.actor(request))
            else:
                created = actions.create_user(
                    username=obj.username,
                    email=obj.email,
                    password=form.cleaned_data["new_password"],
                    role=obj.role,
                    actor=staff.actor(request),
                )
                obj.pk = created.pk
        except actions.PeopleRefused as refused:  # the form asked before; somebody was quicker
            raise PermissionDenied(str(refused)) from refused

    def _change(self, person: User, form: ModelForm[User], actor: User) -> None:
        if {"username", "email"} & set(form.changed_data):
            actions.set_identity(person, username=person.username, email=person.email, actor=actor)
        if "role" in form.changed_data:
            actions.set_role(person, person.role, actor=actor)
        if "is_active" in form.changed_data:
            actions.set_active(person, person.is_active, actor=actor)

    @admin.action(description=_("Approve"), permissions=["change"])
    def approve(self, request: HttpRequest, people: QuerySet[User]) -> None:
        for person in people:
            actions.approve_user(person, actor=staff.actor(request))
        self._say_done(request, len(people))

    @admin.action(description=_("Switch off"), permissions=["change"])
    def switch_off(self, request: HttpRequest, people: QuerySet[User]) -> None:
        done = 0
        for person in people:
            try:
                actions.set_active(person, False, actor=staff.actor(request))
            except actions.LastAdmin as refused:
                self.message_user(request, f"{person}: {refused}", messages.ERROR)
            else:
                done += 1
        self._say_done(request, done)

    @admin.action(description=_("Switch on again"), permissions=["change"])
    def switch_on(self, request: HttpRequest, people: QuerySet[User]) -> None:
        for person in people:
            actions.set_active(person, True, actor=staff.actor(request))
        self._say_done(request, len(people))

    @admin.action(description=_("End their sessions"), permissions=["change"])
    def end_sessions(self, request: HttpRequest, people: QuerySet[User]) -> None:
        sessions = UserSession.objects.alive().filter(user__in=people)
        self._say_done(request, sum(actions.end_session(session, actor=staff.actor(request)) for session in sessions))

    def _say_done(self, request: HttpRequest, count: int) -> None:
        if count:
            text = ngettext("Done for %(count)d.", "Done for %(count)d.", count) % {"count": count}
            self.message_user(request, text, messages.SUCCESS)


@admin.register(UserSession)
class UserSessionAdmin(BoundedAdmin[UserSession]):
    list_display = ("user", "is_active", "created_at", "last_activity", "expires_at", "ip_address", "user_agent")
    list_filter = ("is_active",)
    list_select_related = ("user",)
    search_fields = ("user__username", "user__email", "ip_address")
    ordering = ("-last_activity",)
    exclude = ("session_id",)
    actions = ("end",)

    @admin.action(description=_("End the session"))
    def end(self, request: HttpRequest, sessions: QuerySet[UserSession]) -> None:
        ended = sum(actions.end_session(session, actor=staff.actor(request)) for session in sessions)
        text = ngettext("%(count)d session ended.", "%(count)d sessions ended.", ended) % {"count": ended}
        self.message_user(request, text, messages.SUCCESS)


@admin.register(AuditLog)
class AuditLogAdmin(BoundedAdmin[AuditLog]):
    list_display = ("created_at", "action", "user", "entity_type", "entity_id", "ip_address")
    list_filter = ("created_at",)
    list_select_related = ("user",)
    search_fields = ("action",)
    search_help_text = _("An action, such as signed_in, or somebody's user name or email address: whole, not a part")
    ordering = ("-id",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditLog], search_term: str
    ) -> tuple[QuerySet[AuditLog], bool]:
        """By one index or the other: the log grows for ever."""
        if not search_term:
            return queryset, False
        person = User.objects.by_login(search_term)
        return (queryset.filter(user=person) if person else queryset.filter(action=search_term)), False


class UnusedAdmin(BoundedAdmin[Any]):
    """A documented table that nothing reads or writes yet: said on its page, and not to be edited."""

    subtitle: str | Promise = ""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"subtitle": self.subtitle} | (extra_context or {}))


@admin.register(Setting)
class SettingAdmin(UnusedAdmin):
    list_display = ("key", "value", "updated_at")
    search_fields = ("key", "description")
    ordering = ("key",)
    subtitle = _("Nothing reads these yet: Vedfolnir is configured by environment variables.")


@admin.register(SystemRequest)
class SystemRequestAdmin(UnusedAdmin):
    list_display = ("user", "status", "created_at", "updated_at")
    list_filter = ("status",)
    list_select_related = ("user",)
    search_fields = ("user__username",)
    ordering = ("-id",)
    subtitle = _("Nothing writes these yet: an admin makes the accounts.")
