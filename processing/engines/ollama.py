"""Ollama by its own interface (`/api/chat`), which unlike its OpenAI-compatible one takes num_ctx and keep_alive.

Requests and answers as in the source of Ollama 0.33. Ollama's binary could not be had where this was written: the
tests hold the engine to a local server that behaves as that source says, not to Ollama itself.
"""

import base64
import re
import time
from typing import Any

from processing.engines.base import EngineAnswer, EngineConfig, EngineRefused, EngineRequest, EngineUnavailable
from processing.engines.prompts import build_prompt, prompt_version
from processing.preparation import PreparedImage
from vedfolnir.lib.outbound import HttpClient, OutboundRefused, OutboundUnavailable, Response, Timeout
from vedfolnir.lib.text import clean_alt_text, length

TEMPERATURE = 0.2  # alt text should be the same tomorrow; the server's default is lively
CONTEXT_TOKENS = 8192  # a picture alone takes 1,000 to 2,000; the server's default cuts long posts off silently
ANSWER_TOKENS = 1024
KEEP_ALIVE = "10m"  # loading a model again can take minutes
_BUSY = frozenset({408, 425, 429, 499})  # 499: cancelled by the server

_THINKING = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_UNFINISHED = re.compile(r"<think(?:ing)?>", re.IGNORECASE)
_LABEL = re.compile(
    r"^\**\s*(?:alt[ -]?text|alternative text|alternativtext|texte alternatif)\s*\**\s*:\s*\**\s*", re.IGNORECASE
)
_QUOTES = {'"': '"', "“": "”", "„": "“", "«": "»", "'": "'"}
_WEB_PAGE = re.compile(r"<\s*(?:!doctype|html|head|body)\b", re.IGNORECASE)


class OllamaEngine:
    """Describes with a vision model on an Ollama server. Safe to share between threads."""

    name = "ollama"

    def __init__(self, config: EngineConfig) -> None:
        self._url = config.ollama_url
        self._wanted_model = config.ollama_model
        self._describe_timeout = config.describe_timeout
        self._health_timeout = config.health_timeout
        self._model: _Model | None = None  # found by the first health check that succeeds

    def health(self) -> None:
        """Raises EngineUnavailable if the server does not answer, EngineRefused if it has no model that sees."""
        self._model = self._find_model()

    def identity(self, image: PreparedImage, request: EngineRequest) -> str:
        """The model, its temperature and the prompt."""
        self._model = self._model or self._find_model()
        return f"{self._model.name} {TEMPERATURE} {build_prompt(image, request)}"

    def describe(self, image: PreparedImage, request: EngineRequest) -> EngineAnswer:
        """Ask the model once. An answer cut by the token limit is refused: half a sentence is no description."""
        started = time.monotonic()
        model = self._model or self._find_model()
        self._model = model
        prompt = build_prompt(image, request)
        try:
            body = self._call("POST", "/api/chat", self._describe_timeout, model.chat_body(prompt, image.jpeg))
        except EngineRefused:
            self._model = None  # it may have been removed: look again before the next picture
            raise
        text = _text_of(body)
        notes: tuple[str, ...] = ()
        if length(text) > request.max_length:
            notes = (f"The model wrote {length(text)} characters; {request.max_length} are allowed.",)
        return EngineAnswer(
            text=text,
            engine=self.name,
            model=model.name,
            prompt=prompt,
            prompt_version=prompt_version(request),
            tokens_in=_count(body.get("prompt_eval_count")),
            tokens_out=_count(body.get("eval_count")),
            seconds=time.monotonic() - started,
            notes=notes,
        )

    def _find_model(self) -> "_Model":
        """The model asked for, or the first that sees. A model that cannot see would invent a picture."""
        listed = self._call("GET", "/api/tags", self._health_timeout).get("models")
        if not isinstance(listed, list):
            raise EngineRefused(f"{self._url} does not answer like Ollama. Check OLLAMA_URL.")
        entries = [entry for entry in listed if isinstance(entry, dict)]
        if not self._wanted_model:
            return self._first_that_sees(entries)
        for entry in entries:
            if _same_model(_name_of(entry), self._wanted_model):
                model = self._with_capabilities(entry)
                if model.sees:
                    return model
                raise EngineRefused(f"Ollama's model {model.name} cannot see pictures: choose one that can.")
        raise EngineRefused(
            f"Ollama has no model {self._wanted_model}. Fetch it with: ollama pull {self._wanted_model}"
        )

    def _first_that_sees(self, entries: list[dict[str, Any]]) -> "_Model":
        for entry in entries:
            model = self._with_capabilities(entry)
            if model.sees:
                return model
        raise EngineRefused("Ollama has no model that sees pictures. Fetch one with: ollama pull qwen3-vl:4b")

    def _with_capabilities(self, entry: dict[str, Any]) -> "_Model":
        """Older servers leave the capabilities out of the list; then the model is asked for by itself."""
        capabilities = entry.get("capabilities")
        if not isinstance(capabilities, list):
            details = self._call("POST", "/api/show", self._health_timeout, {"model": _name_of(entry)})
            capabilities = details.get("capabilities")
        known = capabilities if isinstance(capabilities, list) else []
        return _Model(_name_of(entry), frozenset(str(capability) for capability in known))

    def _call(self, method: str, path: str, timeout: Timeout, json: Any = None) -> dict[str, Any]:
        """One request; the JSON object of a good answer. Every kind of failure becomes one of the two exceptions."""
        try:
            with HttpClient(self._url, exempt=True, timeout=timeout) as client:
                response = client.request(method, path, json=json)
        except OutboundUnavailable as error:
            raise EngineUnavailable(f"Ollama at {self._url} does not answer: {error.reason}") from error
        except OutboundRefused as error:
            raise EngineRefused(f"Ollama at {self._url} cannot be used: {error.reason}") from error
        _raise_for_status(response)
        try:
            body = response.json()
        except OutboundRefused as error:
            raise EngineRefused(f"Ollama at {self._url} answered nonsense: {error.reason}") from error
        if not isinstance(body, dict):
            raise EngineRefused(f"Ollama at {self._url} answered nonsense: a JSON object was expected.")
        if "error" in body:
            raise EngineRefused(f"Ollama reports: {_one_line(body['error'])}")
        return body


class _Model:
    def __init__(self, name: str, capabilities: frozenset[str]) -> None:
        self.name = name
        self.sees = "vision" in capabilities
        self.thinks = "thinking" in capabilities

    def chat_body(self, prompt: str, jpeg: bytes) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.name,
            "messages": [{"role": "user", "content": prompt, "images": [base64.b64encode(jpeg).decode("ascii")]}],
            "stream": False,
            "options": {"temperature": TEMPERATURE, "num_ctx": CONTEXT_TOKENS, "num_predict": ANSWER_TOKENS},
            "keep_alive": KEEP_ALIVE,
        }
        if self.thinks:
            body["think"] = False  # thinking uses up the answer's tokens and makes captions no better
        return body


def _text_of(body: dict[str, Any]) -> str:
    """The description in a chat answer. Raises EngineRefused if there is none to use."""
    message = body.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, str):
        raise EngineRefused("Ollama's answer holds no message.")
    if body.get("done_reason") == "length":
        raise EngineRefused(f"The model did not come to an end within {ANSWER_TOKENS} tokens.")
    content = _THINKING.sub("", content)
    if _UNFINISHED.search(content):
        raise EngineRefused("The model did not come to an end of its thinking.")
    text = _bare(clean_alt_text(content))
    if not text:
        raise EngineRefused("The model gave an empty answer.")
    if _WEB_PAGE.search(text):
        raise EngineRefused("The model answered with a web page instead of a description.")
    return text


def _bare(text: str) -> str:
    """Without a label ("Alt text:") before and one pair of quotation marks around the whole."""
    text = _LABEL.sub("", text).strip()
    closing = _QUOTES.get(text[:1])
    if closing and len(text) > 1 and text.endswith(closing) and closing not in text[1:-1] and text[0] not in text[1:-1]:
        text = text[1:-1].strip()
    return text


def _raise_for_status(response: Response) -> None:
    if response.status == 200:
        return
    reason = f"Ollama answered {response.status}: {_error_text(response)}"
    if response.status in _BUSY or response.status >= 500:
        raise EngineUnavailable(reason)
    raise EngineRefused(reason)


def _error_text(response: Response) -> str:
    try:
        body = response.json()
    except OutboundRefused:
        return "no reason given"
    error = body.get("error") if isinstance(body, dict) else None
    return _one_line(error) if error else "no reason given"


def _one_line(value: object) -> str:
    return clean_alt_text(" ".join(str(value).split()))[:300]


def _name_of(entry: dict[str, Any]) -> str:
    return str(entry.get("model") or entry.get("name") or "")


def _same_model(one: str, other: str) -> bool:
    """Whether two names mean the same model; a name without a tag means ":latest"."""
    return _with_tag(one) == _with_tag(other)


def _with_tag(name: str) -> str:
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
