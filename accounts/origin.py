"""Where the request in hand comes from: known to the audit log without being handed through every function."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest


@dataclass(frozen=True)
class Origin:
    ip_address: str | None = None
    user_agent: str | None = None


_nowhere = Origin()
_current: ContextVar[Origin] = ContextVar("origin", default=_nowhere)


def current() -> Origin:
    """The origin of the request being served; empty in commands and workers."""
    return _current.get()


def of_request(request: HttpRequest) -> Origin:
    """Address (behind the configured proxy: the one that the proxy saw) and browser of `request`.

    A proxy adds the address that it saw at the end of X-Forwarded-For; what stands before it, anybody can write.
    """
    address = request.META.get("REMOTE_ADDR", "")
    if settings.BEHIND_PROXY:
        forwarded = request.headers.get("X-Forwarded-For", "")
        address = forwarded.rpartition(",")[2].strip() or address
    return Origin(_address(address), request.headers.get("User-Agent", "")[:1000] or None)


def _address(text: str) -> str | None:
    """`text` as an address in one spelling, at most 45 characters; None for anything else (a Unix socket has none)."""
    try:
        return str(ip_address(text.partition("%")[0]))
    except ValueError:
        return None


@contextmanager
def serving(request: HttpRequest) -> Iterator[Origin]:
    """Makes `request` the current one for the audit log."""
    origin = of_request(request)
    token = _current.set(origin)
    try:
        yield origin
    finally:
        _current.reset(token)
