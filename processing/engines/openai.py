"""Any server that speaks OpenAI's `/chat/completions`: OpenAI, vLLM, llama.cpp, LM Studio, LocalAI, Ollama's `/v1`."""

from typing import Any

from processing.engines.answers import Reply, count, mean_logprob
from processing.engines.base import EngineConfig, EngineError, EngineMisconfigured, EngineRefused
from processing.engines.dialects import Dialect, is_about_the_model, is_blind
from processing.engines.http import Declined, Failed, ModelServer, NotAllowed
from processing.engines.served import Model, Question, ServedEngine

_ABOUT_THE_REQUEST = frozenset({200, 400, 403, 422, 500})  # llama_cpp.server says 500 to what it does not know
_SEES = frozenset({"multimodal", "vision", "image"})  # in the capabilities that llama-server and others list


class OpenAIEngine(ServedEngine):
    """Describes with a model on an OpenAI-compatible server. Safe to share between threads.

    What the server does not take (`Dialect`) is learned from its errors and remembered as long as the engine lives.
    """

    name = "openai"

    def __init__(self, config: EngineConfig) -> None:
        server = ModelServer(
            "The model server",
            config.openai_url,
            setting="OPENAI_BASE_URL",
            key=config.openai_key,
            key_setting="OPENAI_API_KEY",
        )
        super().__init__(server, config)
        self._dialect = Dialect()

    def find_model(self) -> Model:
        """The model asked for, whether the server lists it or not, or else the first that it lists."""
        self._check_set_up()
        if self._config.openai_model:
            return Model(self._config.openai_model)
        try:
            body = self._server.call("GET", "/models", self._config.health_timeout)
        except Failed as error:
            raise Failed(f"{error.reason} {_NAME_ONE}", error.status, error.said, error.retry_after) from error
        except Declined as error:
            raise EngineMisconfigured(f"{error.reason} {_CHECK_URL} {_NAME_ONE}") from error
        listed = body.get("data") if isinstance(body.get("data"), list) else body.get("models")
        if not isinstance(listed, list):
            raise EngineMisconfigured(
                f"{self._server.origin} does not answer like an OpenAI-compatible server. {_CHECK_URL}"
            )
        for entry in listed:
            if isinstance(entry, dict) and isinstance(entry.get("id"), str) and entry["id"] and _may_see(entry):
                return Model(entry["id"])  # "created" is no revision: llama-server tells the time of the request
        raise EngineMisconfigured(f"The model server lists no model that sees pictures. Load one there. {_NAME_ONE}")

    def _ask(self, model: Model, question: Question) -> Reply:
        body = self._negotiated(model, question)
        choices = body.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
        message = choice.get("message")
        if not isinstance(message, dict):
            raise EngineRefused("The model server's answer holds no message.")
        if message.get("refusal"):
            raise EngineRefused("The model declines to describe this picture.")
        usage = body.get("usage")
        logprobs = choice.get("logprobs")
        return Reply(
            content=_text_in(message.get("content")),
            finish=str(choice.get("finish_reason") or ""),
            tokens_in=count(usage.get("prompt_tokens")) if isinstance(usage, dict) else None,
            tokens_out=count(usage.get("completion_tokens")) if isinstance(usage, dict) else None,
            confidence=mean_logprob(logprobs.get("content")) if isinstance(logprobs, dict) else None,
        )

    def _negotiated(self, model: Model, question: Question) -> dict[str, Any]:
        """Ask in the dialect known so far, and without what the server names as wrong, until it takes the request."""
        dialect = self._dialect
        while True:
            try:
                sent = dialect.body(model.name, question)
                body = self._server.call("POST", "/chat/completions", self._config.describe_timeout, sent)
            except (Declined, Failed, NotAllowed) as error:  # OpenAI forbids log-probabilities with status 403
                simpler = dialect.after(error.said, question) if error.status in _ABOUT_THE_REQUEST else None
                if simpler is None:
                    raise self._explained(error, model) from error
                dialect = simpler
                continue
            self._dialect = dialect
            return body

    def _explained(self, error: Declined | Failed | NotAllowed, model: Model) -> EngineError:
        """With what to do about it. That the model cannot see is told with status 500 by llama-server."""
        if is_blind(error.said):
            self._model = None
            return EngineMisconfigured(
                f"{error.reason} The model {model.name} cannot see pictures: serve one that can."
            )
        if isinstance(error, Declined) and is_about_the_model(error.said):
            hint = f"Set OPENAI_MODEL to a model that the server has; {model.name} is none."
            return self._without_model(self._config.openai_model, f"{error.reason} {hint}")
        if isinstance(error, Declined) and error.status == 404:  # nothing of a picture stands in the address
            hint = f"{_CHECK_URL} The model asked for is {model.name}."
            return self._without_model(self._config.openai_model, f"{error.reason} {hint}")
        return error

    def _check_set_up(self) -> None:
        if not self._config.openai_url:
            raise EngineMisconfigured(
                "No OpenAI-compatible server is set up. Set OPENAI_BASE_URL, such as http://127.0.0.1:8000/v1."
            )

    def _temperature_sent(self, question: Question) -> float | None:
        return question.temperature if self._dialect.temperature else None


_NAME_ONE = "Or name a model as OPENAI_MODEL."
_CHECK_URL = "Check OPENAI_BASE_URL, which usually ends with /v1."


def _may_see(entry: dict[str, Any]) -> bool:
    """False only where the server says what the model can do, and seeing is not in it."""
    capabilities = entry.get("capabilities")
    return not isinstance(capabilities, list) or not capabilities or bool(_SEES & {str(can) for can in capabilities})


def _text_in(content: object) -> str:
    """A text, or the texts of a list of parts; "" for null, which models send that only thought."""
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""
