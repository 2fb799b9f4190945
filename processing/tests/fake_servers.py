"""Servers of models for the tests: on loopback, and as strict as what they stand for.

FakeOllama behaves as the source of Ollama 0.33 says; every body that comes in or goes out must be understood by the
types of Ollama's official client. FakeOpenAI speaks the dialects that reference/engines.md measured, or that the
servers' documents tell. Both look at the picture: they say which colour its middle has.
"""

import base64
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ollama
from ollama._types import ChatRequest, Options, ShowRequest
from PIL import Image
from pydantic import BaseModel
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

LOGPROBS = (-0.1, -0.3)  # of the two tokens of every answer


def body_of(value: Any, status: int = 200, **headers: str) -> Response:
    return Response(json.dumps(value), status, headers, content_type="application/json; charset=utf-8")


def error(status: int, text: str, **headers: str) -> Response:
    return body_of({"error": text}, status, **headers)


def saw(jpeg: bytes) -> str:
    """What a model that sees only colours says of a picture."""
    with Image.open(io.BytesIO(jpeg)) as picture:
        assert picture.format == "JPEG"
        pixel = picture.convert("RGB").getpixel((picture.width // 2, picture.height // 2))
    assert isinstance(pixel, tuple)
    red, green, blue = (value > 127 for value in pixel)
    names = {(True, False, False): "red", (False, True, False): "green", (False, False, True): "blue"}
    return f"A {names.get((red, green, blue), 'grey')} shape on a white background."


# --- Ollama -----------------------------------------------------------------------------------------------------------


def answer(content: str, *, model: str = "qwen3-vl:4b", done_reason: str = "stop", **message: Any) -> Response:
    """An answer of /api/chat."""
    body = {
        "model": model,
        "created_at": "2026-11-20T12:00:00.000000Z",
        "message": {"role": "assistant", "content": content, **message},
        "done": True,
        "done_reason": done_reason,
        "total_duration": 5_000_000_000,
        "load_duration": 1_000_000_000,
        "prompt_eval_count": 812,
        "prompt_eval_duration": 2_000_000_000,
        "eval_count": 17,
        "eval_duration": 2_000_000_000,
        "logprobs": [{"token": "A", "logprob": LOGPROBS[0]}, {"token": ".", "logprob": LOGPROBS[1]}],
    }
    ollama.ChatResponse.model_validate(body)
    return body_of(body)


class FakeOllama:
    """Models by name with what they can do; the next answers of /api/chat; and what was asked."""

    def __init__(self, server: HTTPServer) -> None:
        self.url = server.url_for("")
        self.models: dict[str, list[str] | None] = {"qwen3-vl:4b": ["completion", "vision"]}
        self.hidden: dict[str, list[str]] = {}  # capabilities told by /api/show only
        self.chat: Callable[[dict[str, Any]], Response] = self._see
        self.asked: list[dict[str, Any]] = []
        server.expect_request("/api/tags", method="GET").respond_with_handler(self._tags)
        server.expect_request("/api/show", method="POST").respond_with_handler(self._show)
        server.expect_request("/api/chat", method="POST").respond_with_handler(self._chat)

    def _tags(self, request: Request) -> Response:
        models = []
        for name, capabilities in self.models.items():
            entry: dict[str, Any] = {
                "name": name,
                "model": name,
                "modified_at": "2026-11-20T12:00:00Z",
                "size": 3_295_000_000,
                "digest": f"digest-of-{name}",
                "details": {"family": "x", "parameter_size": "4B", "quantization_level": "Q4_K_M"},
            }
            models.append(entry | ({"capabilities": capabilities} if capabilities is not None else {}))
        ollama.ListResponse.model_validate({"models": models})
        return body_of({"models": models})

    def _show(self, request: Request) -> Response:
        body = request.get_json()
        understood(ShowRequest, body)
        shown = {"details": {}, "model_info": {}, "capabilities": self.hidden.get(body["model"], ["completion"])}
        ollama.ShowResponse.model_validate(shown)
        return body_of(shown)

    def _chat(self, request: Request) -> Response:
        body = request.get_json()
        self.asked.append(body)
        understood(ChatRequest, body)
        understood(Options, body.get("options") or {})
        if body["model"] not in self.models:
            return error(404, f"model '{body['model']}' not found")
        for message in body["messages"]:
            assert message["images"], "a request without a picture gets an invented answer"
        return self.chat(body)

    def _see(self, body: dict[str, Any]) -> Response:
        said = saw(base64.b64decode(body["messages"][-1]["images"][0], validate=True))
        if body.get("format"):
            said = json.dumps({"alt_text": said, "decorative": False})
        return answer(said, model=body["model"])


def understood(kind: type[BaseModel], body: dict[str, Any]) -> None:
    """Fail unless the client's type takes the body and knows every name in it."""
    kind.model_validate(body)
    assert set(body) <= set(kind.model_fields), set(body) - set(kind.model_fields)


# --- OpenAI and those that speak like it ------------------------------------------------------------------------------

FIELDS = frozenset({"model", "messages", "stream", "temperature", "logprobs", "response_format", "top_p", "seed"}) | {
    "max_tokens",
    "max_completion_tokens",
}
REASONING_REFUSES = (  # OpenAI's models that think
    (
        "max_tokens",
        400,
        ("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."),
    ),
    ("logprobs", 403, "You are not allowed to request logprobs from this model."),
    (
        "temperature",
        400,
        "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1).",
    ),
)


def wrapped(status: int, message: str, code: object = None) -> Response:
    """An error as OpenAI, vLLM and llama.cpp put it."""
    return body_of(
        {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}, status
    )


def detailed(status: int, message: str, code: object = None) -> Response:
    """An error as FastAPI puts it: transformers serve."""
    return body_of({"detail": message}, status)


def plain(status: int, message: str, code: object = None) -> Response:
    """An error as LM Studio puts it."""
    return error(status, message)


@dataclass(frozen=True)
class Speaks:
    """One server's dialect. Each field says what it does in a case where they differ."""

    name: str
    fails: Callable[..., Response] = wrapped
    schema: str = "kept"  # "ignored", or the text that refuses it
    schema_status: int = 400
    object_refused: str = ""  # the text that refuses json_object
    knows_models: bool = True  # False: any name is taken
    unknown_model: tuple[int, str] = (404, "The model `{}` does not exist.")
    refuses: tuple[tuple[str, int, str], ...] = ()  # fields with the status and the text that refuses them
    most_pictures: int = 9
    logprobs: bool = True
    capabilities: tuple[str, ...] = ()


DIALECTS = (
    Speaks("openai", unknown_model=(404, "The model `{}` does not exist or you do not have access to it.")),
    Speaks(
        "openai-reasoning",
        refuses=REASONING_REFUSES,
        logprobs=False,
    ),
    Speaks("vllm", most_pictures=1),
    Speaks("llama-server", knows_models=False, capabilities=("completion", "multimodal")),
    Speaks(
        "llama_cpp.server",
        schema="[{'type': 'literal_error', 'loc': ('body', 'response_format', 'type'), 'msg': \"Input should be 'text' "
        "or 'json_object'\"}]",
        schema_status=500,
        knows_models=False,
        refuses=(("logprobs", 500, "logprobs is not supported for models created with logits_all=False"),),
        logprobs=False,
    ),
    Speaks(
        "transformers serve",
        fails=detailed,
        schema="ignored",
        unknown_model=(400, "Model {} not found in the hub cache."),
        logprobs=False,
    ),
    Speaks(
        "lm studio",
        fails=plain,
        object_refused="'response_format.type' must be 'json_schema' or 'text'",
        knows_models=False,
        logprobs=False,
    ),
)


class FakeOpenAI:
    """One server that speaks `dialect`, the models that it lists, the next answers, and what was asked."""

    def __init__(self, server: HTTPServer, dialect: Speaks = DIALECTS[0], key: str = "") -> None:
        self.url = server.url_for("/v1")
        self.dialect = dialect
        self.key = key
        self.models = ["qwen3-vl-4b", "other-vl"]
        self.chat: Callable[[dict[str, Any]], Response] = self._see
        self.asked: list[dict[str, Any]] = []
        server.expect_request("/v1/models", method="GET").respond_with_handler(self._list)
        server.expect_request("/v1/chat/completions", method="POST").respond_with_handler(self._chat)

    def _list(self, request: Request) -> Response:
        if refused := self._wrong_key(request):
            return refused
        told = {"capabilities": list(self.dialect.capabilities)} if self.dialect.capabilities else {}
        models = [{"id": name, "object": "model", "created": 1, "owned_by": "me", **told} for name in self.models]
        return body_of({"object": "list", "data": models})

    def _wrong_key(self, request: Request) -> Response | None:
        sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.key and sent != self.key:
            return self.dialect.fails(401, f"Incorrect API key provided: {sent}.", "invalid_api_key")
        return None

    def _chat(self, request: Request) -> Response:
        body = request.get_json()
        self.asked.append(body)
        return self._wrong_key(request) or self._refusal(body) or self.chat(body)

    def _refusal(self, body: dict[str, Any]) -> Response | None:
        speaks, fails = self.dialect, self.dialect.fails
        if unknown := set(body) - FIELDS - ({"cache_prompt"} if speaks.name == "llama-server" else set()):
            return fails(422, f"Unexpected keys in the request: {unknown}")
        if speaks.knows_models and body["model"] not in self.models:
            status, text = speaks.unknown_model
            return fails(status, text.format(body["model"]), "model_not_found")
        for name, status, text in speaks.refuses:
            if name in body:
                return fails(status, text)
        wanted = (body.get("response_format") or {}).get("type")
        if wanted == "json_schema" and speaks.schema not in {"kept", "ignored"}:
            return fails(speaks.schema_status, speaks.schema)
        if wanted == "json_object" and speaks.object_refused:
            return fails(400, speaks.object_refused)
        if len(pictures_in(body)) > speaks.most_pictures:
            return fails(400, f"At most {speaks.most_pictures} image(s) may be provided in one prompt.")
        return None

    def _see(self, body: dict[str, Any]) -> Response:
        said = saw(pictures_in(body)[0])
        if body.get("response_format") and self.dialect.schema != "ignored":
            said = json.dumps({"alt_text": said, "decorative": False})
        return self.completion(said, model=body["model"])

    def completion(self, content: Any, *, finish: str = "stop", model: str = "qwen3-vl-4b", **message: Any) -> Response:
        """An answer of /chat/completions."""
        tokens: list[dict[str, Any]] = [
            {"token": "x", "logprob": value, "bytes": None, "top_logprobs": []} for value in LOGPROBS
        ]
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": content, **message},
            "finish_reason": finish,
            "logprobs": {"content": tokens} if self.dialect.logprobs else None,
        }
        usage = {"prompt_tokens": 812, "completion_tokens": 17, "total_tokens": 829}
        return body_of(
            {"id": "c", "object": "chat.completion", "created": 1, "model": model, "choices": [choice], "usage": usage}
        )


def pictures_in(body: dict[str, Any]) -> list[bytes]:
    """The pictures of a request; at least one, and each a JPEG in the address itself."""
    parts = [part for message in body["messages"] for part in message["content"]]
    addresses = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    assert addresses, "a request without a picture gets an invented answer"
    assert all(address.startswith("data:image/jpeg;base64,") for address in addresses)
    return [base64.b64decode(address.partition(",")[2], validate=True) for address in addresses]
