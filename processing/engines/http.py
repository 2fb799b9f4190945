"""Speaking with a server of models: JSON there and back, and every way to fail as one of the engines' exceptions.

The address is the operator's own (OLLAMA_URL, OPENAI_BASE_URL) and exempt from the rules for strangers' addresses.
"""

import json as jsonlib
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from platforms.traffic.headers import retry_after
from processing.engines.base import EngineError, EngineMisconfigured, EngineRefused, EngineUnavailable
from vedfolnir.lib.outbound import HttpClient, OutboundRefused, OutboundUnavailable, Response, Timeout
from vedfolnir.lib.text import clean_line, strip_html

MAX_BYTES = 2 * 1024 * 1024  # of an answer: a text of some thousand characters, a list of some hundred models
REASON_LENGTH = 300  # characters of what a server says, in a reason for a person
LEAST_SECRET = 12  # characters: a shorter key ("none", "lm-studio") is a word that may stand in any answer

_HTTP_STATUS = re.compile(r"[45][0-9]{2}", re.ASCII)  # given as the code of an error in a good answer (OpenRouter)
_BUSY = frozenset({408, 425, 429, 499})  # 499: Ollama cancelled it
_KEY_OR_MONEY = frozenset({401, 402, 403})
_NO_CREDIT = frozenset({"insufficient_quota", "billing_hard_limit_reached"})  # OpenAI's, with status 429 or 400


class Declined(EngineRefused):
    """The server answered that it will not do this. `status` is that of HTTP, `said` the server's own words."""

    def __init__(self, reason: str, status: int, said: str) -> None:
        super().__init__(reason)
        self.status = status
        self.said = said


class Failed(EngineUnavailable):
    """The server answered that it cannot do it now. `status` is that of HTTP, `said` the server's own words."""

    def __init__(self, reason: str, status: int, said: str, retry_after: float | None = None) -> None:
        super().__init__(reason, retry_after)
        self.status = status
        self.said = said


class NotAllowed(EngineMisconfigured):
    """The server answered that this key, or its owner, may not do this. `status` and `said` as of the others."""

    def __init__(self, reason: str, status: int, said: str) -> None:
        super().__init__(reason)
        self.status = status
        self.said = said


class ModelServer:
    """One server below `url`. Safe to share between threads.

    `label` is what people call it ("Ollama"), `setting` the variable with its address. The key goes to that server
    alone; what the server says is told without it, and an answer that repeats it is refused.
    """

    def __init__(self, label: str, url: str, *, setting: str, key: str = "", key_setting: str = "") -> None:
        self.label = label
        self._url = url
        self._setting = setting
        self._key = key
        self._key_setting = key_setting or setting
        parts = urlsplit(url)
        self.origin = f"{parts.scheme}://{parts.netloc}"  # the path may be somebody's account

    def call(self, method: str, path: str, timeout: Timeout, json: Any = None) -> dict[str, Any]:
        """One request; the JSON object of a good answer.

        Raises EngineUnavailable, EngineRefused and EngineMisconfigured; Failed, Declined and NotAllowed, which are
        such, if the server itself said so.
        """
        response = self._request(method, path, timeout, json)
        said, code = _error_in(response, self._key)
        if response.status != 200:
            raise self._failure(response.status, said, code, response.headers)
        try:
            body = response.json()
        except OutboundRefused as error:
            broken = _error_line(response.body)
            if broken:
                raise self._failure(200, broken, "", {}) from error
            raise EngineUnavailable(f"{self.label} at {self.origin} {_no_json(response)}") from error
        if not isinstance(body, dict):
            raise EngineRefused(f"{self.label} at {self.origin} answered nonsense: a JSON object was expected.")
        if body.get("error"):
            status = int(code) if _HTTP_STATUS.fullmatch(code) else 200
            raise self._failure(status, said, code, response.headers)
        if len(self._key) >= LEAST_SECRET and jsonlib.dumps(self._key)[1:-1] in jsonlib.dumps(body):
            raise EngineRefused(f"The answer of {self.label} repeats the value of {self._key_setting}.")
        return body

    def _request(self, method: str, path: str, timeout: Timeout, json: Any) -> Response:
        """Errors of the network alone: any status is an answer."""
        options: dict[str, Any] = {"exempt": True, "timeout": timeout, "max_bytes": MAX_BYTES}
        try:
            with HttpClient(self._url, token=self._key or None, **options) as client:
                return client.request(method, path, json=json)
        except OutboundUnavailable as error:
            raise EngineUnavailable(f"{self.label} at {self.origin} does not answer: {error.reason}") from error
        except OutboundRefused as error:
            raise EngineRefused(f"{self.label} at {self.origin} cannot be used: {error.reason}") from error

    def _failure(self, status: int, said: str, code: str, headers: Mapping[str, str]) -> EngineError:
        said = self._told(said)
        answered = f"{self.label} reports" if status == 200 else f"{self.label} answered {status}"
        reason = f"{answered}: {said}"
        if not reason.endswith((".", "!", "?", "…")):
            reason += "."  # more may follow
        if status in _KEY_OR_MONEY or code in _NO_CREDIT:
            return NotAllowed(f"{reason} Check {self._key_setting}, and what its owner may use.", status, said)
        if status in _BUSY or (status >= 500 and status != 501):
            return Failed(reason, status, said, retry_after(headers))
        return Declined(reason, status, said)

    def _told(self, said: str) -> str:
        """In one line that may be stored and shown."""
        line = clean_line(said) or "no reason given"
        if self._key:
            line = line.replace(self._key, "*****")
        return clean_line(line, REASON_LENGTH)


def _no_json(response: Response) -> str:
    """What seems to have happened where a good status came with something else than JSON; it says nothing of a picture.

    An answer that was cut off within its headers looks whole, and is empty.
    """
    kind = response.content_type
    if "json" in kind or not response.body:
        return "broke off its answer."
    return f"answered with {kind or 'something'} instead of JSON: perhaps the page of a proxy (log-in, maintenance)."


def _error_in(response: Response, key: str) -> tuple[str, str]:
    """What the server says of an error, and the code that it gives it, both "" if nothing.

    As seen: {"error": {"message", "code"}} (OpenAI, vLLM, llama.cpp), {"error": "…"} (Ollama), {"detail": "…"} or
    {"detail": [{"msg": "…"}]} (FastAPI: transformers serve, vLLM), {"message": "…"}, and text that is no JSON.
    """
    try:
        body = response.json()
    except OutboundRefused:
        whole = response.body.replace(key.encode(), b"*****") if key else response.body  # before half of it is cut off
        text = whole[:4096].decode("utf-8", "replace")
        return (strip_html(text) if "<" in text else text), ""
    if not isinstance(body, dict):
        return "", ""
    error = body.get("error") or body.get("detail") or body.get("message")
    if isinstance(error, dict):
        code = error.get("code") or error.get("type")
        return str(error.get("message") or code or ""), str(code or "")
    if isinstance(error, list):
        return "; ".join(str(part.get("msg", "")) if isinstance(part, dict) else str(part) for part in error), ""
    return str(error or ""), ""


def _error_line(body: bytes) -> str:
    """The error in an answer of JSON lines: a stream that broke off has told status 200 long before."""
    for line in reversed(body.splitlines()):
        try:
            part = jsonlib.loads(line)
        except (ValueError, RecursionError):
            return ""
        if isinstance(part, dict) and part.get("error"):
            return str(part["error"])
    return ""
