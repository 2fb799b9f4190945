"""A web server that leads wherever a test wants, with any Location, as no library would send it."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any


class Signposts(ThreadingHTTPServer):
    """Answers 302 and the like where `leads` says so by path, with `body` else; `asked` is every request, in order.

    A request is the address that it came to, its Host, its path, and its Authorization.
    """

    daemon_threads = True

    def __init__(self, address: tuple[str, int] = ("127.0.0.1", 0), context: ssl.SSLContext | None = None) -> None:
        self.leads: dict[str, tuple[int, str]] = {}
        self.body = b"picture"
        self.asked: list[tuple[str, str, str, str]] = []
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True)

    def server_bind(self) -> None:
        """Without the base class's question for a name of the address, which may go to a name server."""
        TCPServer.server_bind(self)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A peer that goes away, or does not like the certificate, is what tests are about."""

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    server: Signposts

    def do_GET(self) -> None:
        host, authorization = self.headers.get("Host", ""), self.headers.get("Authorization", "")
        self.server.asked.append((self.connection.getsockname()[0], host, self.path, authorization))
        status, location = self.server.leads.get(self.path, (200, None))
        body = self.server.body if location is None else b""
        self.send_response(status)
        if location is not None:
            self.send_header("Location", location.encode().decode("latin-1"))  # UTF-8, as servers write it
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Quietly."""


@contextmanager
def running(server: Signposts) -> Iterator[Signposts]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
