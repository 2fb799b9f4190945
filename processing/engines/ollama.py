"""Ollama by its own interface (`/api/chat`), which unlike its OpenAI-compatible one takes num_ctx and keep_alive.

Requests and answers as in the source of Ollama 0.33. Ollama's binary could not be had where this was written: the
tests hold the engine to a local server that behaves as that source says and whose bodies the official client
understands, not to Ollama itself.
"""

import base64
from typing import Any

from processing.engines.answers import Reply, count, mean_logprob
from processing.engines.base import EngineConfig, EngineMisconfigured, EngineRefused
from processing.engines.http import Declined, ModelServer
from processing.engines.served import ANSWER_TOKENS, Model, Question, ServedEngine

CONTEXT_TOKENS = 8192  # a picture alone takes 1,000 to 2,000; the server's default cuts long posts off silently
KEEP_ALIVE = "10m"  # loading a model again can take minutes


class OllamaEngine(ServedEngine):
    """Describes with a vision model on an Ollama server. Safe to share between threads."""

    name = "ollama"

    def __init__(self, config: EngineConfig) -> None:
        super().__init__(ModelServer("Ollama", config.ollama_url, setting="OLLAMA_URL"), config)
        self._wanted_model = config.ollama_model

    def find_model(self) -> Model:
        """The model asked for, or the first that sees. A model that cannot see would invent a picture."""
        listed = self._server.call("GET", "/api/tags", self._config.health_timeout).get("models")
        if not isinstance(listed, list):
            raise EngineMisconfigured(f"{self._server.origin} does not answer like Ollama. Check OLLAMA_URL.")
        entries = [entry for entry in listed if isinstance(entry, dict)]
        if not self._wanted_model:
            return self._first_that_sees(entries)
        for entry in entries:
            if _same_model(_name_of(entry), self._wanted_model):
                if model := self._if_it_sees(entry):
                    return model
                raise EngineMisconfigured(f"Ollama's model {_name_of(entry)} cannot see pictures: choose one that can.")
        raise EngineMisconfigured(
            f"Ollama has no model {self._wanted_model}. Fetch it with: ollama pull {self._wanted_model}"
        )

    def _first_that_sees(self, entries: list[dict[str, Any]]) -> Model:
        for entry in entries:
            if model := self._if_it_sees(entry):
                return model
        raise EngineMisconfigured("Ollama has no model that sees pictures. Fetch one with: ollama pull qwen3-vl:4b")

    def _if_it_sees(self, entry: dict[str, Any]) -> Model | None:
        """Older servers leave the capabilities out of the list; then the model is asked for by itself."""
        name, capabilities = _name_of(entry), entry.get("capabilities")
        if not isinstance(capabilities, list):
            details = self._server.call("POST", "/api/show", self._config.health_timeout, {"model": name})
            capabilities = details.get("capabilities")
        if not isinstance(capabilities, list) or "vision" not in capabilities:
            return None
        return Model(name, revision=str(entry.get("digest") or ""), thinks="thinking" in capabilities)

    def _ask(self, model: Model, question: Question) -> Reply:
        sent = _chat_body(model, question)
        try:
            body = self._server.call("POST", "/api/chat", self._config.describe_timeout, sent)
        except Declined as error:
            if error.status != 404:
                raise
            raise self._without_model(self._wanted_model, error.reason) from error
        message = body.get("message")
        content = message.get("content") if isinstance(message, dict) else None
        if not isinstance(content, str):
            raise EngineRefused("Ollama's answer holds no message.")
        return Reply(
            content=content,
            finish=str(body.get("done_reason") or ""),
            tokens_in=count(body.get("prompt_eval_count")),
            tokens_out=count(body.get("eval_count")),
            confidence=mean_logprob(body.get("logprobs")),
        )


def _chat_body(model: Model, question: Question) -> dict[str, Any]:
    pictures = [base64.b64encode(picture).decode("ascii") for picture in question.pictures]
    body: dict[str, Any] = {
        "model": model.name,
        "messages": [{"role": "user", "content": question.prompt, "images": pictures}],
        "stream": False,
        "options": {"temperature": question.temperature, "num_ctx": CONTEXT_TOKENS, "num_predict": ANSWER_TOKENS},
        "keep_alive": KEEP_ALIVE,
        "logprobs": True,
    }
    if question.schema:
        body["format"] = question.schema
    if model.thinks:
        body["think"] = False  # thinking uses up the answer's tokens and makes captions no better
    return body


def _name_of(entry: dict[str, Any]) -> str:
    return str(entry.get("model") or entry.get("name") or "")


def _same_model(one: str, other: str) -> bool:
    """Whether two names mean the same model; a name without a tag means ":latest"."""
    return _with_tag(one) == _with_tag(other)


def _with_tag(name: str) -> str:
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"
