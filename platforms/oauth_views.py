"""The pages of connecting by OAuth: they translate HTTP; `platforms.authorizing` decides."""

from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render, resolve_url
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_POST, require_safe

from accounts.http import SignedInRequest, ability_required
from accounts.models import User, UserSession
from accounts.roles import Ability
from accounts.sessions import SessionStore
from platforms import actions, authorizing
from platforms.fields import CredentialUnreadable
from platforms.models import PlatformConnection, SignIn


def begin(
    request: SignedInRequest, *, name: str, instance_url: str, connection: PlatformConnection | None = None
) -> HttpResponseRedirect:
    """Get ready to send somebody to their server, and show them what that means. Raises actions.ConnectRefused."""
    sign_in = authorizing.start(
        request.user,
        _session(request),
        name=name,
        instance_url=instance_url,
        redirect_uri=request.build_absolute_uri(reverse("platforms:oauth_return")),
        connection=connection,
    )
    return redirect("platforms:authorize", pk=sign_in.pk)


@require_POST
@ability_required(Ability.CONNECT)
def sign_in_again(request: SignedInRequest, pk: int) -> HttpResponse:
    """A new access for a connection that one owns."""
    connection = get_object_or_404(PlatformConnection.objects.visible_to(request.user), pk=pk)
    if not actions.may_choose_posts(connection, request.user):
        raise Http404
    try:
        return begin(request, name=connection.name, instance_url=connection.instance_url, connection=connection)
    except actions.ConnectRefused as refused:
        messages.error(request, refused.reason)
        return redirect("platforms:detail", pk=pk)


@require_safe
@ability_required(Ability.CONNECT)
@never_cache
def authorize(request: SignedInRequest, pk: int) -> HttpResponse:
    """What is going to be asked for, and the way to the server: a link, since our CSP lets forms lead nowhere else."""
    waiting = SignIn.objects.of(_session(request)).select_related("connection")
    sign_in = get_object_or_404(waiting, pk=pk)
    if waiting.expired(timezone.now()).filter(pk=pk).exists():
        messages.info(request, _("That took longer than ten minutes. Begin once more."))
        return HttpResponseRedirect(_begin_again(sign_in))
    try:
        link = authorizing.link(sign_in)
    except CredentialUnreadable as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(_begin_again(sign_in))
    context = {
        "sign_in": sign_in,
        "host": urlsplit(sign_in.instance_url).netloc,
        "link": link,
        "permissions": authorizing.permissions(sign_in),
        "capabilities": authorizing.capabilities(sign_in),
    }
    return render(request, "platforms/authorize.html", context)


@require_GET
@never_cache
@sensitive_variables()
def oauth_return(request: HttpRequest) -> HttpResponse:
    """Where servers send people back to. Whatever happens, the next address is one without the code."""
    user = request.user
    if not isinstance(user, User) or not user.can(Ability.READ):
        # Not by `login_required`, which would take the code along in the address.
        login = f"{resolve_url(settings.LOGIN_URL)}?{urlencode({'next': reverse('platforms:connect')})}"
        return _leave_no_trace(HttpResponseRedirect(login))
    if not user.can(Ability.CONNECT):
        raise PermissionDenied
    given = {name: request.GET.get(key, "") for name, key in _PARAMETERS.items()}
    try:
        connection = authorizing.finish(user, _session(request), authorizing.Returned(**given))
    except authorizing.SignInRefused as refused:
        say = messages.info if isinstance(refused, authorizing.Denied) else messages.error
        say(request, refused.reason)
        return _leave_no_trace(HttpResponseRedirect(_begin_again(refused.sign_in)))
    messages.success(request, _("Connected: %(account)s.") % {"account": connection.address})
    return _leave_no_trace(redirect("platforms:detail", pk=connection.pk))


_PARAMETERS = {"code": "code", "state": "state", "error": "error", "issuer": "iss"}


def _begin_again(sign_in: SignIn | None) -> str:
    """The page on which somebody begins once more, with what they had told us."""
    if sign_in is None:
        return reverse("platforms:connect")
    if sign_in.connection_id is not None:
        return reverse("platforms:detail", args=[sign_in.connection_id])
    known = {"instance_url": sign_in.instance_url, "name": sign_in.name}
    return f"{reverse('platforms:connect')}?{urlencode(known)}"


def _leave_no_trace(response: HttpResponseRedirect) -> HttpResponseRedirect:
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _session(request: HttpRequest) -> UserSession:
    session = request.session
    row = session.row if isinstance(session, SessionStore) else None
    if row is None:
        raise PermissionDenied
    return row
