"""Asking servers: `HttpClient` for the API of one server, `fetch` for public files."""

import json as jsonlib
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import requests
import urllib3.exceptions
from requests.structures import CaseInsensitiveDict

from vedfolnir.lib.outbound.errors import OutboundError, OutboundRefused, OutboundUnavailable
from vedfolnir.lib.outbound.errors import gettext_noop as _
from vedfolnir.lib.outbound.transport import Guard, GuardedAdapter, Timeout
from vedfolnir.lib.outbound.urls import AllowList, Target, parse_url

DEFAULT_TIMEOUT = Timeout()
DEFAULT_MAX_BYTES = 8 * 1024 * 1024
MAX_REDIRECTS = 3
REDIRECTS = (301, 302, 303, 307, 308)
USER_AGENT = "Vedfolnir"
READ_BLOCK = 64 * 1024  # bytes, after decompression


@dataclass(frozen=True)
class Response:
    """An answer, whatever its status. `headers` ignores case; `body` is decompressed; `url` is the one that answered.

    The parts that may hold secrets stay out of its repr.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    url: str = field(repr=False)

    @property
    def content_type(self) -> str:
        """The media type in lower case without its parameters, such as `application/json`; empty if not given."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    def json(self) -> Any:
        """Return the body as JSON. Raises OutboundRefused when it is something else, such as a web page."""
        try:
            return jsonlib.loads(self.body)
        except (ValueError, RecursionError):
            pass
        known = {"host": parse_url(self.url).host, "status": self.status, "kind": self.content_type}
        if self.content_type == "text/html":
            raise OutboundRefused(_("%(host)s answered with a web page (status %(status)s), not with JSON."), **known)
        if not self.content_type:
            raise OutboundRefused(
                _("%(host)s answered with something unknown (status %(status)s), not with JSON."), **known
            )
        raise OutboundRefused(_("%(host)s answered with %(kind)s (status %(status)s), not with JSON."), **known)


class HttpClient:
    """A client for the API of one server; bodies are JSON, redirects are returned and not followed.

    The token goes to that server only. `allow` are OUTBOUND_ALLOW's entries (`host` or `host:port`), which may have
    private addresses and speak plain http; `exempt` says the same of `base_url` itself, for URLs that the operator
    has set. Connections are kept between calls; an instance serves one thread at a time. Secrets belong in the token
    or the body, never in `params`: URLs appear in debug logs.

    Raises OutboundRefused when `base_url` or the token cannot be used, ValueError for a malformed `allow`.
    """

    def __init__(
        self,
        base_url: str,
        *,
        token: str | None = None,
        allow: Collection[str] = (),
        exempt: bool = False,
        timeout: Timeout = DEFAULT_TIMEOUT,
        max_bytes: int = DEFAULT_MAX_BYTES,
        user_agent: str = USER_AGENT,
    ) -> None:
        self._base = parse_url(base_url)
        if "?" in self._base.path:
            raise OutboundRefused(_("The server's address must not contain a question mark."))
        allowed = AllowList.parse(allow)
        if exempt:
            allowed = allowed.including(self._base)
        allowed.check(self._base, plain_http=False)
        self._headers = {"User-Agent": user_agent, "Accept": "application/json", "Accept-Encoding": "gzip"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {_sendable(token)}"
        self._max_bytes = max_bytes
        self._channel = _Channel(Guard(allowed, timeout, plain_http=False))

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        max_bytes: int | None = None,
        not_after: float = math.inf,
    ) -> Response:
        """Send one request to `path` (from the slash on, below the base URL) and return the answer of any status.

        The body is `json`, or else `form` (application/x-www-form-urlencoded, as OAuth wants it). `not_after` is a
        moment of `vedfolnir.lib.clock` after which nothing of the request is sent any more: OutboundTooLate.

        A GET goes out a second time when the server had closed a kept connection; nothing else is repeated, and
        goes over a connection of its own.
        Raises OutboundUnavailable and OutboundRefused.
        """
        if not path.startswith("/"):
            raise OutboundRefused(_("The path of a request must begin with a slash."))
        url = self._base.url.rstrip("/") + path
        own = CaseInsensitiveDict(self._headers)
        own.update(headers or {})
        request = requests.Request(method, url, headers=own, params=params, json=json, data=form)
        self._channel.guard.start(not_after)
        return self._channel.send(request, self._base.host, self._max_bytes if max_bytes is None else max_bytes)

    def get(self, path: str, **options: Any) -> Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> Response:
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Any) -> Response:
        return self.request("PUT", path, **options)

    def patch(self, path: str, **options: Any) -> Response:
        return self.request("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> Response:
        return self.request("DELETE", path, **options)

    def close(self) -> None:
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def fetch(
    url: str,
    *,
    max_bytes: int,
    allow: Collection[str] = (),
    timeout: Timeout = DEFAULT_TIMEOUT,
    accept: str = "*/*",
) -> Response:
    """Get a public file, over https or over plain http on port 80, and return the answer of any status.

    Follows up to three redirects, each checked like the first URL, and none from https to http. `max_bytes` counts
    the decompressed body, `timeout.total` the time of all redirects together. Raises OutboundUnavailable and
    OutboundRefused, ValueError for a malformed `allow`.
    """
    allowed = AllowList.parse(allow)
    target = parse_url(url)
    headers = {"User-Agent": USER_AGENT, "Accept": accept, "Accept-Encoding": "identity"}
    with _Channel(Guard(allowed, timeout, plain_http=True)) as channel:
        channel.guard.start()
        for _hop in range(MAX_REDIRECTS + 1):
            request = requests.Request("GET", target.url, headers=headers)
            response = channel.send(request, target.host, max_bytes, skip_redirect_body=True)
            if response.status not in REDIRECTS or "Location" not in response.headers:
                return response
            target = _next_hop(target, response.headers["Location"])
    raise OutboundRefused(
        _("The file at %(host)s was redirected more than %(count)s times."), host=target.host, count=MAX_REDIRECTS
    )


def _next_hop(target: Target, location: str) -> Target:
    location = location.encode("latin-1").decode("utf-8", "replace")  # http.client reads Latin-1, servers write UTF-8
    following = target.joined(location)
    if target.scheme == "https" and following.scheme == "http":
        raise OutboundRefused(_("%(host)s redirects from https to plain http, which is not safe."), host=target.host)
    return following


class _Channel:
    """A guard, its adapter, and the way of one request through both.

    No `requests.Session`: its send() reads the whole body of a redirect even if told not to follow it, and it keeps
    cookies and asks the environment for proxies, certificates and .netrc.
    """

    def __init__(self, guard: Guard) -> None:
        self.guard = guard
        self._adapter = GuardedAdapter(guard)

    def send(self, request: requests.Request, host: str, limit: int, *, skip_redirect_body: bool = False) -> Response:
        try:
            prepared = request.prepare()
            with self._ask(prepared) as answer:
                body = b"" if skip_redirect_body and answer.is_redirect else self._read(answer, host, limit)
                return Response(answer.status_code, answer.headers, body, prepared.url or "")
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, UnicodeError) as error:
            failure = _explain(error, host)
        raise failure  # out here, where the error of `requests`, which holds the token, is not its context

    def _ask(self, prepared: requests.PreparedRequest) -> requests.Response:
        timeout = (self.guard.timeout.connect, self.guard.timeout.read)
        if prepared.method != "GET":
            self.close()  # what changes something cannot be sent twice, so it takes no connection that may be dead
        opened = self.guard.opened
        try:
            return self._adapter.send(prepared, stream=True, timeout=timeout)
        except requests.ConnectionError:
            if prepared.method != "GET" or self.guard.opened > opened:
                raise
        self.close()  # it was a kept connection that the server had already given up: once more on a fresh one
        return self._adapter.send(prepared, stream=True, timeout=timeout)

    def _read(self, answer: requests.Response, host: str, limit: int) -> bytes:
        too_large = OutboundRefused(
            _("The answer of %(host)s is larger than %(limit)s bytes."), host=host, limit=f"{limit:,}"
        )
        if (answer.raw.length_remaining or 0) > limit:
            raise too_large
        body = bytearray()
        while block := answer.raw.read(READ_BLOCK, decode_content=True):
            body += block
            if len(body) > limit:
                raise too_large
        return bytes(body)

    def close(self) -> None:
        self._adapter.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _explain(error: Exception, host: str) -> OutboundError:
    """Turn an error of the libraries below into one of ours; their texts quote URLs and headers and are dropped."""
    match error:
        case requests.exceptions.SSLError() | urllib3.exceptions.SSLError():
            return OutboundUnavailable(
                _(
                    "No secure connection to %(host)s: its certificate is expired, not trusted or for another name, "
                    "or it does not speak TLS."
                ),
                host=host,
            )
        case requests.Timeout() | urllib3.exceptions.TimeoutError() | TimeoutError():
            return OutboundUnavailable(_("%(host)s did not answer in time. Try again later."), host=host)
        case requests.exceptions.InvalidHeader() | requests.exceptions.InvalidJSONError() | ValueError():
            return OutboundRefused(_("The request to %(host)s contains something that cannot be sent."), host=host)
        case requests.exceptions.ContentDecodingError() | urllib3.exceptions.DecodeError():
            return OutboundRefused(_("The answer of %(host)s is compressed in a way that cannot be read."), host=host)
        case _:
            return OutboundUnavailable(
                _("%(host)s broke off the connection before the answer was complete."), host=host
            )


def _sendable(token: str) -> str:
    token = token.strip()
    if not token or not all("!" <= character <= "~" for character in token):
        raise OutboundRefused(_("The access token is empty or contains unusual characters. Copy it once more."))
    return token
