"""Connections that go to the very address that was checked, and end when their time is up.

An adapter of our own under `requests` instead of requests-hardened: that one tries only the first address, passes
NAT64 and shared address space, and knows no limit for a whole exchange, so all of this would be needed anyway.
"""

import io
import math
import queue
import socket
import threading
import time
from dataclasses import dataclass
from functools import partial
from http.client import HTTPResponse
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, ClassVar

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from vedfolnir.lib import clock
from vedfolnir.lib.addresses import is_public
from vedfolnir.lib.outbound.errors import OutboundRefused, OutboundTooLate, OutboundUnavailable
from vedfolnir.lib.outbound.errors import gettext_noop as _
from vedfolnir.lib.outbound.urls import AllowList, Target

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

Address = tuple[socket.AddressFamily, tuple[Any, ...]]  # what socket.socket() and connect() take

SEND_BLOCK = 64 * 1024  # bytes; between two of them the time is looked at


@dataclass(frozen=True)
class Timeout:
    """Limits in seconds: for each connection attempt, for each wait for data, and for the whole call."""

    connect: float = 5.0
    read: float = 20.0
    total: float = 30.0


@dataclass
class Guard:
    """What every connection of one client must ask: may I go there, and how long may I wait?

    Serves one exchange at a time. `opened` counts the connections made so far.
    """

    allow: AllowList
    timeout: Timeout
    plain_http: bool
    opened: int = 0
    _deadline: float = 0.0
    _not_after: float = math.inf

    def start(self, not_after: float = math.inf) -> None:
        """Start the clock of a call, of which nothing may be sent after that moment (of `vedfolnir.lib.clock`)."""
        self._deadline = time.monotonic() + self.timeout.total
        self._not_after = not_after

    def require_in_time(self) -> None:
        """The last look before bytes go out. Raises OutboundTooLate."""
        if clock.moment() >= self._not_after:
            raise OutboundTooLate(_("The request was not sent: too much time had passed before it began."))

    def seconds(self, limit: float) -> float:
        """Return how long to wait now, at most `limit`. Raises OutboundUnavailable once the call's time is used up."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise OutboundUnavailable(
                _("The server needed more than %(seconds)g seconds. Try again later."), seconds=self.timeout.total
            )
        return min(limit, left)

    def connect(self, scheme: str, host: str, port: int) -> socket.socket:
        """Open a connection to one of the addresses of `host`, which is looked up once, here.

        Raises OutboundRefused when the port, the scheme or any of the addresses is not allowed: a name with one
        public and one private address is no accident. Raises OutboundUnavailable when nobody answers.
        """
        self.allow.check(Target(scheme, host, port, "/"), plain_http=self.plain_http)
        addresses = self._look_up(host, port)
        if not self.allow.covers(host, port) and not all(is_public(ip_address(where[0])) for _, where in addresses):
            raise OutboundRefused(
                _("%(host)s is not on the public internet. An operator can name it in OUTBOUND_ALLOW."), host=host
            )
        self.opened += 1
        for family, where in addresses:
            connection = self._dial(family, where)
            if connection is not None:
                return connection
        raise OutboundUnavailable(_("%(host)s does not accept connections at the moment. Try again later."), host=host)

    def _look_up(self, host: str, port: int) -> list[Address]:
        """Resolve `host`. In a thread of its own, because getaddrinfo knows no time limit."""
        found: queue.SimpleQueue[list[Address]] = queue.SimpleQueue()
        threading.Thread(target=lambda: found.put(_resolve(host, port)), daemon=True).start()
        try:
            addresses = found.get(timeout=self.seconds(self.timeout.connect))
        except queue.Empty:
            addresses = []
        if not addresses:
            raise OutboundUnavailable(
                _("No server named %(host)s was found. Check the name, or try again later."), host=host
            )
        return addresses

    def _dial(self, family: socket.AddressFamily, where: tuple[Any, ...]) -> socket.socket | None:
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(self.seconds(self.timeout.connect))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.connect(where)
            connection.settimeout(self.seconds(self.timeout.connect))  # for the whole TLS handshake
        except OSError:
            connection.close()
            return None
        except OutboundUnavailable:
            connection.close()
            raise
        return connection


def _resolve(host: str, port: int) -> list[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # unknown, or not a name at all
        return []
    return [(family, where) for family, _, _, _, where in found]


class _TimedReader(io.RawIOBase):
    """Looks at the clock before every read from the socket, so that a slow drip of header or body bytes ends."""

    def __init__(self, raw: io.RawIOBase, connection: socket.socket, guard: Guard) -> None:
        self._raw = raw
        self._connection = connection
        self._guard = guard

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int | None:
        self._connection.settimeout(self._guard.seconds(self._guard.timeout.read))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(HTTPResponse):
    def __init__(self, connection: socket.socket, *args: Any, guard: Guard, **kwargs: Any) -> None:
        super().__init__(connection, *args, **kwargs)
        self.fp = io.BufferedReader(_TimedReader(self.fp.detach(), connection, guard))


class _GuardedHTTPConnection(HTTPConnection):
    """urllib3's connection with our way to open the socket, send and receive; Host, SNI and certificates stay its."""

    scheme: ClassVar[str] = "http"

    def __init__(self, *args: Any, guard: Guard, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.guard = guard
        self.response_class = partial(_TimedResponse, guard=guard)  # type: ignore[assignment]  # a factory will do

    def _new_conn(self) -> socket.socket:
        return self.guard.connect(self.scheme, self.host, self.port)

    def send(self, data: "ReadableBuffer") -> None:  # type: ignore[override]  # our bodies are bytes
        """Send bytes block by block, so that a peer that takes them slowly cannot stretch the time.

        The clock is looked at last, after connecting. A body follows its head apart, so a head that went out in time
        is no whole request yet.
        """
        view = memoryview(data)
        if self.sock is None:
            self.connect()
        for start in range(0, len(view), SEND_BLOCK):
            if self.sock is not None:
                self.sock.settimeout(self.guard.seconds(self.guard.timeout.read))
            self.guard.require_in_time()
            super().send(view[start : start + SEND_BLOCK])


class _GuardedHTTPSConnection(_GuardedHTTPConnection, HTTPSConnection):
    scheme = "https"


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _GuardedHTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedHTTPSConnection


class _Pools(PoolManager):
    def __init__(self, guard: Guard, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._guard = guard
        self.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}

    def _new_pool(self, *args: Any, **kwargs: Any) -> HTTPConnectionPool:
        pool = super()._new_pool(*args, **kwargs)
        pool.conn_kw["guard"] = self._guard
        return pool


class GuardedAdapter(HTTPAdapter):
    """A transport for `requests` whose every connection asks `guard` first. Never uses a proxy, never retries."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        self.poolmanager = _Pools(self._guard, num_pools=connections, maxsize=maxsize, block=block, **kwargs)
