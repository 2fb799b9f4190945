from allauth.account.views import LoginView
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.forms import SignInForm
from accounts.http import SignedInRequest
from accounts.models import UserSession
from accounts.roles import ABILITY_TEXTS
from accounts.sessions import SessionStore


class SignInView(LoginView):  # type: ignore[misc]
    form_class = SignInForm


@login_required
@require_safe
def account(request: SignedInRequest) -> HttpResponse:
    """Who one is here, what one may do, and where one is signed in."""
    session = request.session
    here = session.row if isinstance(session, SessionStore) else None
    context = {
        "abilities": [text for ability, text in ABILITY_TEXTS.items() if request.user.can(ability)],
        "sessions": UserSession.objects.alive().filter(user=request.user).order_by("-last_activity"),
        "here": here.pk if here else None,
    }
    return render(request, "accounts/account.html", context)


@never_cache
def admin_sign_in(request: HttpRequest) -> HttpResponse:
    """The admin's door is our own: one form, one set of limits. Whoever is not staff gets the 403 page."""
    target = request.GET.get("next") or reverse("admin:index")
    if not request.user.is_authenticated:
        return redirect_to_login(target, reverse("account_login"))
    if not request.user.is_staff:
        raise PermissionDenied
    return redirect("admin:index")


@never_cache
def admin_change_password(request: HttpRequest) -> HttpResponse:
    """The admin's own page would change it without the audit log."""
    return redirect("account_change_password")
