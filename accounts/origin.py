"""Where the request in hand comes from: known to the audit log without being handed through every function."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest


@dataclass(frozen=True)
class Origin:
    ip_address: str | None = None
    user_agent: str | None = None


_current: ContextVar[Origin] = ContextVar("origin", default=Origin())


def current() -> Origin:
    """The origin of the request being served; empty in commands and workers."""
    return _current.get()


def of_request(request: HttpRequest) -> Origin:
    """Address (behind the configured proxy: the one that the proxy saw) and browser of `request`."""
    address = request.META.get("REMOTE_ADDR") or None
    forwarded = request.headers.get("X-Forwarded-For", "")
    if settings.BEHIND_PROXY and forwarded:
        address = forwarded.rpartition(",")[2].strip()
    return Origin((address or "")[:45] or None, request.headers.get("User-Agent", "")[:1000] or None)


@contextmanager
def serving(request: HttpRequest) -> Iterator[Origin]:
    origin = of_request(request)
    token = _current.set(origin)
    try:
        yield origin
    finally:
        _current.reset(token)
