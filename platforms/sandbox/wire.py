"""Requests and answers as the sandbox sees them: WSGI in, WSGI out, parameters read the way Rails reads them."""

import hashlib
import json
import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, quote, unquote_plus
from wsgiref.types import WSGIEnvironment

BODY_LIMIT = 20 * 1024 * 1024
FALSE_VALUES = frozenset({False, "0", "f", "F", "false", "FALSE", "off", "OFF"})


class ApiError(Exception):
    """An answer that is not a success. The text goes to the client as `{"error": …}`."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    def response(self) -> "Response":
        """What the client gets."""
        return json_response({"error": self.message}, self.status)


class Refusal(ApiError):
    """A refusal in the form that one server family gives it, which need not be JSON."""

    def __init__(self, response: "Response") -> None:
        super().__init__(response.status, "")
        self._response = response

    def response(self) -> "Response":
        """What the client gets."""
        return self._response


@dataclass(frozen=True)
class Upload:
    """A file of a multipart form."""

    filename: str
    data: bytes


@dataclass
class Request:
    """One request. `params` are query and body together, the body winning, nested as Rails would nest them."""

    method: str
    path: str
    query: str
    body: bytes
    content_type: str
    token: str | None
    base_url: str
    slash: bool = False  # whether the path ended in one
    address: str = ""  # of the client
    basic: tuple[str, str] | None = None  # name and password of a Basic Authorization header
    cookies: dict[str, str] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """Media type of the body in lower case, such as application/json; empty when it has none."""
        return self.content_type.partition(";")[0].strip().lower()

    @property
    def is_json(self) -> bool:
        """Whether the body says that it is JSON."""
        return self.kind == "application/json"

    @property
    def body_sha256(self) -> str:
        """Digest of the body, so that two requests can be compared."""
        return hashlib.sha256(self.body).hexdigest()

    @property
    def body_json(self) -> str | None:
        """The body as JSON, when it is valid JSON; tests look into it."""
        try:
            return json.dumps(json.loads(self.body)) if self.body else None
        except ValueError:
            return None

    def flag(self, name: str) -> bool:
        """A parameter as Rails' `truthy_param?`: absent and empty are false."""
        return truthy(self.params.get(name))

    def text(self, name: str) -> str | None:
        """A parameter that must be a scalar, as text; lists and objects count as absent."""
        value = self.params.get(name)
        if isinstance(value, bool):
            return "true" if value else "false"
        return str(value) if isinstance(value, str | int | float) else None

    def number(self, name: str) -> int | None:
        """A parameter as Ruby's `to_i`: its leading digits, else 0; None when it is absent or empty."""
        value = self.text(name)
        return to_i(value) if value else None


@dataclass
class Response:
    """One answer, complete in memory."""

    status: int
    body: bytes
    headers: dict[str, str]
    more: list[tuple[str, str]] = field(default_factory=list)  # headers that come more than once

    @property
    def status_line(self) -> str:
        """Such as "404 Not Found"."""
        return f"{self.status} {HTTPStatus(self.status).phrase}"


def json_response(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`data` as JSON."""
    body = json.dumps(data, ensure_ascii=False).encode()
    return Response(status, body, {"Content-Type": "application/json; charset=utf-8", **(headers or {})})


def truthy(value: Any) -> bool:
    """What Rails makes of a boolean parameter: anything but nil, "" and the usual words for no."""
    if isinstance(value, list | dict):
        return True
    return value is not None and value != "" and value not in FALSE_VALUES


def to_i(value: Any) -> int:
    """Ruby's `to_i`: leading digits, else 0."""
    found = re.match(r"\s*[+-]?\d{1,19}", str(value))
    return int(found.group()) if found else 0


def read_request(environ: WSGIEnvironment, base_url: str | None) -> Request:
    """Read a request, body and all; `params` stay empty until `read_params`. Raises ApiError for a body too large."""
    length = to_i(environ.get("CONTENT_LENGTH") or 0)
    if length > BODY_LIMIT:
        raise ApiError(413, "Payload too large")

    scheme, _, credentials = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    host = environ.get("HTTP_HOST") or f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
    # WSGI hands the path over as Latin-1; back to the bytes, then to UTF-8.
    path = environ.get("PATH_INFO", "").encode("latin-1").decode(errors="replace")
    return Request(
        method=environ["REQUEST_METHOD"],
        path=path.rstrip("/") or "/",  # Rails does not mind a slash at the end
        slash=len(path) > 1 and path.endswith("/"),
        address=environ.get("REMOTE_ADDR", ""),
        query=environ.get("QUERY_STRING", ""),
        body=environ["wsgi.input"].read(length) if length else b"",
        content_type=environ.get("CONTENT_TYPE", ""),
        token=credentials.strip() if scheme.lower() == "bearer" and credentials.strip() else None,
        base_url=base_url or f"{environ['wsgi.url_scheme']}://{quote(host, safe=':[]')}",
        basic=_basic(credentials) if scheme.lower() == "basic" else None,
        cookies=_cookies(environ.get("HTTP_COOKIE", "")),
    )


def _basic(credentials: str) -> tuple[str, str] | None:
    try:
        name, colon, password = b64decode(credentials, validate=True).decode().partition(":")
    except ValueError:
        return None
    return (unquote_plus(name), unquote_plus(password)) if colon else None


def _cookies(header: str) -> dict[str, str]:
    pairs = (one.strip().partition("=") for one in header.split(";"))
    return {name: value for name, _, value in pairs if name}


def read_params(request: Request) -> dict[str, Any]:
    """Query and body of a request as one nested dictionary. Raises ApiError 400 for broken JSON."""
    params = nested(parse_qsl(request.query, keep_blank_values=True))
    header = Message()
    header["Content-Type"] = request.content_type
    kind = header.get_content_type() if request.content_type else ""
    if kind == "application/json" and request.body.strip():
        params.update(_json_object(request.body))
    elif kind == "application/x-www-form-urlencoded":
        params.update(nested(parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True)))
    elif kind == "multipart/form-data":
        params.update(nested(_multipart(request.body, str(header.get_param("boundary", "")))))
    return params


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except ValueError as error:
        raise ApiError(400, f"There was a problem in the JSON you submitted: {error}") from error
    return parsed if isinstance(parsed, dict) else {"_json": parsed}


def nested(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Form fields as Rack nests them: `ids[]=1&a[][id]=1&poll[options][]=x`.

    A new object of a list begins where its first key comes again.
    """
    params: dict[str, Any] = {}
    for name, value in pairs:
        head, *rest = re.findall(r"[^\[\]]+|\[\]", name) or [name]
        _put(params, [head, *rest], value)
    return params


def _put(target: dict[str, Any], keys: list[str], value: Any) -> None:
    key, rest = keys[0], keys[1:]
    if not rest:
        target[key] = value
    elif rest[0] != "[]":
        inner = target.setdefault(key, {})
        _put(inner if isinstance(inner, dict) else {}, rest, value)
    else:
        items = target.setdefault(key, [])
        if not isinstance(items, list):
            return
        if len(rest) == 1:
            items.append(value)
            return
        if not items or not isinstance(items[-1], dict) or (rest[1] in items[-1] and len(rest) == 2):
            items.append({})
        _put(items[-1], rest[1:], value)


def _multipart(body: bytes, boundary: str) -> list[tuple[str, Any]]:
    """Fields of a multipart form: text as str, files as Upload."""
    if not boundary:
        raise ApiError(400, "The form has no boundary")
    fields: list[tuple[str, Any]] = []
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary.encode())[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        disposition = Message()
        for line in head.decode(errors="replace").split("\r\n"):
            if line.lower().startswith("content-disposition:"):
                disposition["Content-Disposition"] = line.partition(":")[2].strip()
        name, filename = _parameter(disposition, "name"), _parameter(disposition, "filename")
        if name is not None:
            fields.append((name, content.decode(errors="replace") if filename is None else Upload(filename, content)))
    return fields


def _parameter(header: Message, name: str) -> str | None:
    value = header.get_param(name, None, "Content-Disposition")
    return value if isinstance(value, str) else None
