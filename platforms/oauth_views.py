"""The pages of connecting by OAuth: they translate HTTP; `platforms.authorizing` decides."""

import logging
from hashlib import sha256
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render, resolve_url
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
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

logger = logging.getLogger(__name__)


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
        "can_revoke": authorizing.can_revoke(sign_in),
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
        messages.info(request, SIGNED_OUT)
        return _leave_no_trace(f"{resolve_url(settings.LOGIN_URL)}?{urlencode({'next': reverse('platforms:connect')})}")
    if not user.can(Ability.CONNECT):
        return _leave_no_trace(reverse("platforms:connect"))  # which refuses it, at an address without the code
    try:
        return _leave_no_trace(_arrived(request, user))
    except Exception:  # the outermost place that can still take the code out of the address
        logger.exception("Somebody came back from their server, and something went wrong")
        messages.error(request, _("Something went wrong here. Look whether the account stands in the list."))
        return _leave_no_trace(reverse("platforms:list"))


@sensitive_variables()
def _arrived(request: HttpRequest, user: User) -> str:
    """Where somebody goes on who came back from their server."""
    given = {name: request.GET.get(key, "") for name, key in _PARAMETERS.items()}
    used = request.session.get(USED, {})
    mark = sha256(given["state"].encode(errors="replace")).hexdigest()
    try:
        finished = authorizing.finish(user, _session(request), authorizing.Returned(**given))
    except authorizing.SignInRefused as refused:
        before = PlatformConnection.objects.visible_to(user).filter(pk=used.get(mark)).first()
        if refused.sign_in is None and before is not None:
            messages.info(request, _("%(account)s is connected already.") % {"account": before.address})
            return reverse("platforms:detail", args=[before.pk])
        say = messages.info if isinstance(refused, authorizing.Denied) else messages.error
        say(request, refused.reason)
        return _begin_again(refused.sign_in)
    connection = finished.connection
    # Only for words: what is lost of it when two tabs write at once makes them less exact.
    request.session[USED] = dict([*used.items(), (mark, connection.pk)][-authorizing.WAITING :])
    known = {"account": connection.address, "name": connection.name}
    if finished.is_new:
        messages.success(request, _("Connected: %(account)s.") % known)
    else:
        messages.success(request, _("Connected already, as “%(name)s”: %(account)s has a new access.") % known)
    if not connection.is_active:
        messages.info(request, _("It was let rest, and still rests: no work goes on there until it is let go on."))
    return reverse("platforms:detail", args=[connection.pk])


SIGNED_OUT = gettext_lazy(
    "You were signed out here meanwhile, so what your server said was not heard. If the account is not connected yet, "
    "sign in and connect it once more."
)
USED = "used_sign_ins"  # in the session: digests of states, and the connections that they became
_PARAMETERS = {"code": "code", "state": "state", "error": "error", "issuer": "iss"}


def _begin_again(sign_in: SignIn | None) -> str:
    """The page on which somebody begins once more, with what they had told us."""
    if sign_in is None:
        return reverse("platforms:connect")
    if sign_in.connection_id is not None:
        return reverse("platforms:detail", args=[sign_in.connection_id])
    known = {"instance_url": sign_in.instance_url, "name": sign_in.name}
    return f"{reverse('platforms:connect')}?{urlencode(known)}"


def _leave_no_trace(address: str) -> HttpResponseRedirect:
    response = HttpResponseRedirect(address)
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _session(request: HttpRequest) -> UserSession:
    session = request.session
    row = session.row if isinstance(session, SessionStore) else None
    if row is None:
        raise PermissionDenied
    return row
