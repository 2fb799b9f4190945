"""The pages of the connections: they translate HTTP; `platforms.actions` decides."""

from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.http import SignedInRequest, ability_required
from accounts.models import User
from accounts.roles import Ability
from platforms import actions, oauth_views, panels, switching
from platforms.forms import ConnectForm, MemberForm, OptionsForm
from platforms.grants import farewell
from platforms.models import PlatformConnection, PlatformMember
from platforms.speaking import capabilities_for, outlook_for
from platforms.switching import SECRETS
from vedfolnir.lib.numbers import row_number

LISTED = 200  # connections on one page


@login_required
@require_safe
def connections(request: SignedInRequest) -> HttpResponse:
    visible = PlatformConnection.objects.visible_to(request.user).defer(*SECRETS).select_related("user")
    rows = [(row, capabilities_for(row)) for row in visible.order_by("name", "pk")[: LISTED + 1]]
    context = {
        "rows": rows[:LISTED],
        "has_more": len(rows) > LISTED,
        "may_connect": request.user.can(Ability.CONNECT),
    }
    return render(request, "platforms/list.html", context)


@require_POST
@login_required
def switch(request: SignedInRequest) -> HttpResponseRedirect:
    """Show one connection only, or all where none is named, and go back to where that was asked for."""
    named = request.POST.get("connection", "")
    pk = row_number(named)
    if named and pk is None:
        raise Http404
    switching.switch(request, pk)
    back = request.POST.get("next", "")
    is_here = back.startswith("/") and url_has_allowed_host_and_scheme(back, allowed_hosts=None)
    return HttpResponseRedirect(back if is_here else resolve_url(settings.LOGIN_REDIRECT_URL))


@ability_required(Ability.CONNECT)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@sensitive_post_parameters("token")
def connect(request: SignedInRequest) -> HttpResponse:
    """Connect an account: with a token, or else by signing in at the server.

    The query may name server and connection, and ask for the field of the token (`paste`).
    """
    known = {name: request.GET.get(name, "") for name in ("instance_url", "name")}
    form = ConnectForm(request.POST if request.method == "POST" else None, initial=known)
    if form.is_bound and form.is_valid():
        try:
            if not form.cleaned_data["token"]:
                return oauth_views.begin(
                    request, name=form.cleaned_data["name"], instance_url=form.cleaned_data["instance_url"]
                )
            connection = actions.connect(request.user, **form.cleaned_data)
        except actions.ConnectRefused as refused:
            form.add_error(refused.field or None, refused.reason)
        else:
            messages.success(request, _("Connected: %(account)s.") % {"account": connection.address})
            return redirect("platforms:detail", pk=connection.pk)
    context = {"form": form, "pastes": "paste" in request.GET or "token" in form.errors or form["token"].data}
    return render(request, "platforms/connect.html", context, status=422 if form.is_bound else 200)


@login_required
@require_safe
def detail(request: SignedInRequest, pk: int) -> HttpResponse:
    visible = PlatformConnection.objects.visible_to(request.user).defer(*SECRETS).select_related("user")
    return _detail(request, get_object_or_404(visible, pk=pk))


def _detail(request: SignedInRequest, connection: PlatformConnection, odd: OptionsForm | None = None) -> HttpResponse:
    """The page of a connection; with `odd`, options that could not be saved, as they were typed."""
    context = {
        "connection": connection,
        "capabilities": capabilities_for(connection),
        "outlook": outlook_for(connection),
        "panels": panels.of(request, connection),
        "may_manage": actions.may_manage(connection, request.user),
        "may_share": actions.may_share(connection, request.user),
        "may_choose_posts": actions.may_choose_posts(connection, request.user),
        "options": odd or OptionsForm(instance=connection),
        "member_form": MemberForm(),
        "members": PlatformMember.objects.filter(platform_connection=connection).select_related("user").order_by("pk"),
    }
    return render(request, "platforms/detail.html", context, status=422 if odd else 200)


@require_POST
@ability_required(Ability.CONNECT)
def test(request: SignedInRequest, pk: int) -> HttpResponseRedirect:
    connection = _permitted(request, pk, actions.may_manage)
    try:
        identity = actions.test_connection(connection, request.user)
    except actions.ConnectRefused as refused:
        messages.error(request, refused.reason)
    else:
        known = {
            "account": connection.address,
            "software": identity.instance.software,
            "version": identity.instance.version,
        }
        if connection.attention:
            text = _("The server answers: %(account)s, on %(software)s %(version)s. But somebody must look, see below.")
            messages.warning(request, text % known)
        else:
            messages.success(request, _("It works: %(account)s, on %(software)s %(version)s.") % known)
    return redirect("platforms:detail", pk=pk)


@ability_required(Ability.CONNECT)
@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: SignedInRequest, pk: int) -> HttpResponse:
    """Ask first, then do it."""
    connection = _permitted(request, pk, actions.may_share)
    if request.method != "POST":
        return render(
            request,
            "platforms/remove.html",
            {"connection": connection, "is_owner": connection.user_id == request.user.pk},
        )
    revoked = actions.remove(connection, request.user)
    messages.success(request, _("Removed: %(name)s.") % {"name": connection.name})
    messages.info(request, farewell(connection, revoked, reader=request.user))
    return redirect("platforms:list")


@require_POST
@ability_required(Ability.CONNECT)
def options(request: SignedInRequest, pk: int) -> HttpResponse:
    connection = _permitted(request, pk, actions.may_choose_posts)
    form = OptionsForm(request.POST)
    if form.is_valid():
        actions.set_options(connection, request.user, **form.cleaned_data)
        messages.success(request, _("Saved. The next scan reads the whole account again and goes by it."))
    else:
        messages.error(
            request, _("Nothing was saved. What is wrong stands beside it, under “Which posts are scanned”.")
        )
        return _detail(request, connection, form)
    return redirect("platforms:detail", pk=pk)


@require_POST
@ability_required(Ability.CONNECT)
def rescan(request: SignedInRequest, pk: int) -> HttpResponseRedirect:
    actions.forget_scans(_permitted(request, pk, actions.may_manage), request.user)
    messages.success(request, _("The next scan reads the whole account again."))
    return redirect("platforms:detail", pk=pk)


@require_POST
@ability_required(Ability.CONNECT)
def clear_attention(request: SignedInRequest, pk: int) -> HttpResponseRedirect:
    actions.clear_attention(_permitted(request, pk, actions.may_manage), request.user)
    messages.success(request, _("Work on this connection goes on."))
    return redirect("platforms:detail", pk=pk)


@require_POST
@ability_required(Ability.CONNECT)
def add_member(request: SignedInRequest, pk: int) -> HttpResponseRedirect:
    connection = _permitted(request, pk, actions.may_share)
    form = MemberForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Nobody here has this user name."))
        return redirect("platforms:detail", pk=pk)

    user, role = form.member
    try:
        actions.add_member(connection, user, role, request.user)
    except actions.MemberRefused as refused:
        messages.error(request, refused.reason)
    else:
        messages.success(request, _("%(user)s is a member now.") % {"user": user})
    return redirect("platforms:detail", pk=pk)


@require_POST
@ability_required(Ability.CONNECT)
def remove_member(request: SignedInRequest, pk: int, member: int) -> HttpResponseRedirect:
    connection = _permitted(request, pk, actions.may_share)
    membership = get_object_or_404(connection.memberships.select_related("user"), pk=member)
    actions.remove_member(connection, membership.user, request.user)
    messages.success(request, _("%(user)s is no member any more.") % {"user": membership.user})
    return redirect("platforms:detail", pk=pk)


def _permitted(
    request: SignedInRequest, pk: int, may: Callable[[PlatformConnection, User], bool]
) -> PlatformConnection:
    """A connection with which this person may do that; for everybody else the address does not exist."""
    connection = get_object_or_404(PlatformConnection.objects.visible_to(request.user), pk=pk)
    if not may(connection, request.user):
        raise Http404
    return connection
