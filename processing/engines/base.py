"""What every engine takes, gives and raises."""

from dataclasses import dataclass
from typing import Protocol

from processing.preparation import PreparedImage
from vedfolnir.lib.outbound import Timeout


class EngineError(Exception):
    """An engine gave no description. `reason` is one sentence for a person."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class EngineUnavailable(EngineError):
    """Again later: the engine is down, busy or too slow. No other engine takes over for an outage."""


class EngineRefused(EngineError):
    """The engine cannot describe this picture, or is set up wrongly: the next of the chain, or a person."""


@dataclass(frozen=True)
class EngineRequest:
    """What is wanted of a description."""

    language: str = "en"  # BCP 47, "de" or "pt-br"
    max_length: int = 1500  # in code points: what the server takes
    context: str = ""  # the post's text: untrusted data, never an instruction
    prompt: str = ""  # empty: the engine's own
    frames: int = 1


@dataclass(frozen=True)
class EngineAnswer:
    """A description, and the facts of the call that gave it."""

    text: str
    engine: str  # the engine's name: "basic", "ollama"
    model: str
    prompt: str = ""  # as sent
    prompt_version: str = ""
    visible_text: str = ""  # what can be read in the picture, a line each; empty if unknown
    category: str = ""  # what kind of picture, if known: see processing.engines.basic.kinds
    needs_special_review: bool = False
    tokens_in: int | None = None
    tokens_out: int | None = None
    seconds: float = 0.0
    notes: tuple[str, ...] = ()  # for the reviewer, a sentence each
    language: str = ""  # of the text, where it is not the one asked for


@dataclass(frozen=True)
class EngineConfig:
    """What is needed to build engines; `processing.engines.config` fills it from the settings."""

    chain: str = "auto"  # "auto", or names with commas: "ollama,basic"
    ollama_url: str = "http://127.0.0.1:11434"
    ollama_model: str = ""  # empty: the first that sees
    describe_timeout: Timeout = Timeout(connect=5.0, read=600.0, total=620.0)  # seconds; a model on a CPU is slow
    health_timeout: Timeout = Timeout(connect=3.0, read=10.0, total=15.0)


class Engine(Protocol):
    """Takes a prepared picture and a request; gives a text and facts about the call."""

    @property
    def name(self) -> str: ...

    def describe(self, image: PreparedImage, request: EngineRequest) -> EngineAnswer:
        """Describe one picture. Raises EngineUnavailable or EngineRefused."""

    def health(self) -> None:
        """Return if `describe` can be expected to work now. Raises EngineUnavailable or EngineRefused."""
