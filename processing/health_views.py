"""What a supervisor or a load balancer asks. Nothing here tells names, addresses or figures of the data."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from processing.health import checks


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """This process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@never_cache
def health(request: HttpRequest) -> JsonResponse:
    """The parts work together: 200; one of them does not: 503. Says which."""
    found = checks()
    ok = all(check.ok for check in found.values())
    body = {
        "status": "ok" if ok else "failing",
        "checks": {name: {"ok": check.ok, "detail": check.detail} for name, check in found.items()},
    }
    return JsonResponse(body, status=200 if ok else 503)
