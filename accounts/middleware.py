from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from accounts import origin
from accounts.sessions import SessionStore


class SessionActivityMiddleware:
    """Notes the request's origin for the audit log, and once a minute that a signed-in session is in use."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with origin.serving(request):
            if isinstance(request.session, SessionStore) and request.user.is_authenticated:
                request.session.touch()
            return self.get_response(request)
