"""For the tests of the way to the outside: a small internet, a clock that only the test moves, another server."""

import socket
from collections.abc import Iterator
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from pytest_httpserver import HTTPServer

from vedfolnir.tests.internet import Internet


@pytest.fixture
def internet(monkeypatch: pytest.MonkeyPatch) -> Internet:
    redis = urlsplit(settings.REDIS_URL or "")
    internet = Internet(own=(redis.hostname, redis.port))
    monkeypatch.setattr(socket, "getaddrinfo", internet.getaddrinfo)
    # A function and not the bound method, because it must become a method of the socket.
    monkeypatch.setattr(socket.socket, "connect", lambda *args: internet.connect(*args))  # noqa: PLW0108
    return internet


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The client's clock, moved by the test alone."""
    clock = SimpleNamespace(now=0.0)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr("vedfolnir.lib.outbound.transport.time", clock)
    return clock


@pytest.fixture
def other() -> Iterator[HTTPServer]:
    with HTTPServer(host="127.0.0.1") as server:
        yield server
