"""A threading HTTP server for the sandbox: HTTP/1.0, one thread for each connection."""

import logging
import signal
import socketserver
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import WSGIEnvironment

from platforms.sandbox.app import create_app

logger = logging.getLogger(__name__)
GRACE = 5.0  # seconds that requests under way may take when the server stops


class Handler(WSGIRequestHandler):
    """Tells the application its socket (for faults that reset it), and counts requests under way."""

    timeout = 60
    server: "Server"
    counted = False

    def get_environ(self) -> WSGIEnvironment:
        """WSGI's environment and the socket."""
        environ = super().get_environ()
        environ["sandbox.connection"] = self.connection
        return environ

    def parse_request(self) -> bool:
        """From here on a request is under way; a connection that a browser opened ahead is not."""
        self.server.begin()
        self.counted = True
        return super().parse_request()

    def finish(self) -> None:
        """The answer is out."""
        super().finish()
        if self.counted:
            self.server.end()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that the base class gives it
        """One line per request, for those who turn on debugging."""
        logger.debug(format, *args)


class Server(socketserver.ThreadingMixIn, WSGIServer):
    """The listening socket. `port` 0 takes a free one."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, database: Path, host: str, port: int) -> None:
        """Bind and listen. Raises OSError when that address cannot be had."""
        self._under_way = 0
        self._changed = threading.Condition()
        super().__init__((host, port), Handler)
        self.set_app(create_app(database))

    def server_bind(self) -> None:
        """Bind without asking DNS for our own name, which can take many seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    @property
    def url(self) -> str:
        """Where to reach it."""
        return f"http://{self.server_name}:{self.server_port}"

    def begin(self) -> None:
        """A request is under way."""
        with self._changed:
            self._under_way += 1

    def end(self) -> None:
        """A request is done."""
        with self._changed:
            self._under_way -= 1
            self._changed.notify_all()

    def stop(self) -> None:
        """Stop listening and let requests under way finish, for at most GRACE seconds. `serve_forever` must run."""
        self.shutdown()
        self.server_close()
        self.wait_idle()

    def wait_idle(self) -> None:
        """Wait until no request is under way, for at most GRACE seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._under_way == 0, timeout=GRACE)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news; anything else is logged with its traceback."""
        error = sys.exception()
        if not isinstance(error, ConnectionError | TimeoutError):
            logger.error("A request of %s failed.", client_address, exc_info=error)


def serve(database: Path, host: str, port: int, *, ready: Callable[[str], None] | None = None) -> None:
    """Serve until SIGTERM or SIGINT. `ready` is called with the address once the socket listens.

    Must be called from the main thread. Raises OSError when the address cannot be had.
    """
    server = Server(database, host, port)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        threading.Thread(target=server.shutdown).start()  # `shutdown` waits for the loop that this signal interrupted

    previous = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        if ready:
            ready(server.url)
        server.serve_forever()
    finally:
        server.server_close()
        server.wait_idle()
        for number, handler in previous.items():
            signal.signal(number, handler)
