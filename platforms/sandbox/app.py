"""The WSGI application: faults first, then rate limit, then the API, the public pages or a file."""

import logging
import os
import socket
import struct
import time
from collections.abc import Iterable
from pathlib import Path
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from platforms.sandbox import api, editing, families, faults, pages, requests_log, store, traffic
from platforms.sandbox.database import Database
from platforms.sandbox.faults import Fault
from platforms.sandbox.wire import ApiError, Request, Response, json_response, read_params, read_request

logger = logging.getLogger(__name__)
API_PREFIXES = ("/api/", "/nodeinfo", "/.well-known/", "/oauth/")


class Sandbox:
    """One instance on one SQLite file. Threads and processes may share the file."""

    def __init__(self, database: Path, base_url: str | None) -> None:
        self.database = Database(database)
        self.base_url = base_url
        self._counter = traffic.Counter()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        try:
            request = read_request(environ, self.base_url)
        except ApiError as error:
            return _send(error.response(), start_response)

        found = self._faults(request)
        for slow in (one for one in found if one.kind == "slow"):
            time.sleep(float(slow.options.get("delay_ms", 1000)) / 1000)
        fault = next((one for one in found if one.kind != "slow"), None)
        response = self._answer(request, fault) if fault is None or fault.lets_work_happen else None
        response = self._spoil(request, fault, response)
        self._record(request, response.status if response else 0)
        if response is None:
            reset_connection(environ)
            raise ConnectionResetError("a fault that was asked for")
        return _send(response, start_response, cut=fault is not None and fault.kind == "truncated")

    def _faults(self, request: Request) -> list[Fault]:
        with self.database.read() as db:
            if not faults.waiting(db):
                return []
        with self.database.write() as db:
            return faults.take(db, request.method, request.path)

    def _answer(self, request: Request, fault: Fault | None) -> Response:
        """The answer to a request, refusals included."""
        try:
            request.params = read_params(request)
            if fault and fault.kind == "conflict" and request.method != "GET":
                self._interfere(request, fault)
            if fault:
                faults.lose(fault, request)
            if request.path.startswith(API_PREFIXES):
                return self._answer_api(request)
            with self.database.read() as db:
                return pages.dispatch(db, request)
        except ApiError as error:
            return error.response()

    def _answer_api(self, request: Request) -> Response:
        reading = request.method in ("GET", "HEAD")
        with self.database.read() as db:
            token = store.find_token(db, request.token) if request.token else None
            family = families.of(db)
            rule = traffic.current(db, family.limited_by)
        limits: dict[str, str] = {}
        if rule:
            count, ends = self._counter.add(rule, rule.counted(token, request.address))
            limits = rule.headers(count, ends)
            if count > rule.limit:
                refusal = json_response({"error": family.too_many}, 429, limits)
                refusal.more = traffic.retry_headers(rule.retry_after, ends)
                return refusal
        try:
            with self.database.read() if reading else self.database.write() as db:
                response = api.dispatch(db, request, token)
        except ApiError as error:
            response = error.response()
        response.headers |= limits
        return response

    def _spoil(self, request: Request, fault: Fault | None, response: Response | None) -> Response | None:
        """What the client gets in the end; None for a reset."""
        if fault is None:
            return response
        if fault.kind == "status":
            return faults.refusal(fault)
        if fault.kind == "html":
            return faults.web_page(fault)
        if fault.kind == "conflict" and request.method == "GET":
            self._interfere(request, fault)
        return None if fault.kind == "reset" else response

    def _interfere(self, request: Request, fault: Fault) -> None:
        """Edit the post that the request is about, as somebody else."""
        with self.database.write() as db:
            family = families.of(db)
            status = api.status_of(db, family, request, fault.options.get("status_id"))
            if status:
                editing.change_text(db, status, fault.options.get("text") or f"{status.text}\n\n(Edited elsewhere.)")
                family.changed_elsewhere(db, status)

    def _record(self, request: Request, status: int) -> None:
        with self.database.write() as db:
            requests_log.record(db, request, status)


def create_app(database: Path, *, base_url: str | None = None) -> WSGIApplication:
    """A WSGI application on this SQLite file, which is created when missing.

    `base_url` is written into links; without it, the Host header of each request says how the client reached us.
    """
    return Sandbox(database, base_url)


def reset_connection(environ: WSGIEnvironment) -> None:
    """Reset the connection (TCP RST), where the server told us its socket."""
    connection: socket.socket | None = environ.get("sandbox.connection")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(connection.detach())


def _send(response: Response, start_response: StartResponse, *, cut: bool = False) -> list[bytes]:
    """Hand an answer to the WSGI server; `cut` sends only half of the body that it announces."""
    headers = {**response.headers, "Content-Length": str(len(response.body)), "X-Content-Type-Options": "nosniff"}
    start_response(response.status_line, [*headers.items(), *response.more])
    return [response.body[: len(response.body) // 2] if cut else response.body]
