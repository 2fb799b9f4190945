"""What views share: a request whose person is known, and the door that asks for an ability."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from accounts.models import User
from accounts.roles import Ability

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


class SignedInRequest(HttpRequest):
    """A request that passed `login_required` or `ability_required`."""

    user: User


SignedInView = Callable[Concatenate[SignedInRequest, P], HttpResponse]


def ability_required(ability: Ability) -> Callable[[SignedInView[P]], View[P]]:
    """Visitors go to the sign-in page, people whose role lacks `ability` get the 403 page."""

    def decorate(view: SignedInView[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            signed_in = cast(SignedInRequest, request)
            if not signed_in.user.can(ability):
                raise PermissionDenied
            return view(signed_in, *args, **kwargs)

        return login_required(guarded)

    return decorate
