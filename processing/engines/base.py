"""What every engine takes, gives and raises."""

from dataclasses import dataclass, field
from typing import Protocol

from processing.preparation import PreparedImage
from vedfolnir.lib.outbound import Timeout


class EngineError(Exception):
    """An engine gave no description. `reason` is one sentence for a person."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class EngineUnavailable(EngineError):
    """Again later: the engine is down, busy or too slow. No other engine takes over for an outage.

    `retry_after`: seconds from now before which the server does not want to be asked again; None where it says nothing.
    """

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class EngineRefused(EngineError):
    """The engine cannot describe this picture: the next of the chain, or a person."""


class EngineMisconfigured(EngineError):
    """Somebody must mend something: a key, credit, a model's name, packages. Nothing about the picture, which waits."""


@dataclass(frozen=True)
class PostContext:
    """What stands around the picture. All of it is strangers' text: data, never an instruction."""

    text: str = ""
    content_warning: str = ""
    tags: tuple[str, ...] = ()  # without "#"
    language: str = ""  # BCP 47, as the post says; empty if it does not
    siblings: tuple[str, ...] = ()  # the alt texts of the post's other pictures


@dataclass(frozen=True)
class Term:
    """How the account names something or somebody."""

    term: str
    looks_like: str = ""  # how to recognise it
    instead_of: str = ""  # what not to call it
    is_person: bool = False  # who agreed to be named: nobody else stands here


@dataclass(frozen=True)
class Style:
    """How the account's alt texts are to be written. Its people wrote it; it is fenced like the post all the same."""

    tone: str = ""
    avoid: tuple[str, ...] = ()
    notes: str = ""
    glossary: tuple[Term, ...] = ()


@dataclass(frozen=True)
class Template:
    """The words to ask with. `version` marks the drafts made by it: "house-style/3"."""

    text: str
    version: str
    pk: int | None = None  # its row; None for the built-in words


@dataclass(frozen=True)
class Examination:
    """What can be found out about a picture without knowing what it shows."""

    kind: str = ""  # captions.kinds.Kind; empty if nobody looked
    visible_text: str = ""  # what can be read, a line each
    unreadable: tuple[str, ...] = ()  # scripts that are there and cannot be read: "Arabic"; "unknown" if not even that
    codes: tuple[str, ...] = ()  # what QR and bar codes say
    faces: int = 0
    colours: tuple[str, ...] = ()  # English names, the commonest first
    proposed_decorative: bool = False  # nothing that a reader would miss
    language: str = ""  # of the visible text, if it is long enough to tell


@dataclass(frozen=True)
class EngineRequest:
    """What is wanted of a description."""

    language: str = "en"  # BCP 47, "de" or "pt-br"
    max_length: int = 1500  # in code points: what the server takes
    wanted_length: tuple[int, int] | None = None  # in code points: from, to
    context: PostContext = PostContext()
    style: Style = Style()
    template: Template | None = None  # None: the engine's own
    examined: Examination | None = None  # None: nobody looked yet
    instruction: str = ""  # a reviewer's, for this draft: "shorter", "name the painting"
    previous: str = ""  # the draft that the instruction is about
    temperature: float | None = None  # None: the engine's own
    poster_of: str = ""  # "video" or "gifv" where the picture is one frame of it


@dataclass(frozen=True)
class EngineAnswer:
    """A description, and the facts of the call that gave it."""

    text: str
    engine: str  # the engine's name: "basic", "ollama"
    model: str
    prompt: str = ""  # as sent
    prompt_version: str = ""
    visible_text: str = ""  # what can be read in the picture, a line each; empty if unknown
    category: str = ""  # captions.kinds.Kind, if known
    needs_special_review: bool = False
    proposed_decorative: bool = False  # the engine says that a reader would miss nothing
    tokens_in: int | None = None
    tokens_out: int | None = None
    seconds: float = 0.0
    confidence: float | None = None  # mean log-probability of a token
    temperature: float | None = None
    notes: tuple[str, ...] = ()  # for the reviewer, a sentence each
    language: str = ""  # of the text, where it is not the one asked for


def describing_within(seconds: float) -> Timeout:
    """The time limit of one description: so long without a word of the answer, and a little more for all of it."""
    return Timeout(connect=5.0, read=seconds, total=seconds + 20.0)


@dataclass(frozen=True)
class EngineConfig:
    """What is needed to build engines; `processing.engines.config` fills it from the settings."""

    chain: str = "auto"  # "auto", or names with commas: "ollama,basic"
    ollama_url: str = "http://127.0.0.1:11434"
    ollama_model: str = ""  # empty: the first that sees
    openai_url: str = ""  # "https://host/v1"; empty: not set up
    openai_key: str = field(default="", repr=False)
    openai_model: str = ""  # empty: the first that the server lists
    structured: bool = False  # ask servers for JSON instead of plain text
    transformers_model: str = ""  # a repository, "owner/name@revision", or a folder; empty: the default for the machine
    model_folder: str = ""  # where models are fetched to
    describe_timeout: Timeout = describing_within(600.0)  # seconds; a model on a CPU is slow
    health_timeout: Timeout = Timeout(connect=3.0, read=10.0, total=15.0)


class Engine(Protocol):
    """Takes a prepared picture and a request; gives a text and facts about the call."""

    @property
    def name(self) -> str: ...

    @property
    def follows_instructions(self) -> bool:
        """Whether `EngineRequest.instruction` and `temperature` make a difference to its texts."""

    def describe(self, image: PreparedImage, request: EngineRequest) -> EngineAnswer:
        """Describe one picture. Raises EngineUnavailable, EngineRefused or EngineMisconfigured."""

    def health(self) -> None:
        """Describe a small built-in picture, and return if the answer can be used.

        Raises as `describe` does.
        """

    def identity(self, image: PreparedImage, request: EngineRequest) -> str:
        """All that the answer depends on beside the picture, as text: model and revision, prompt, temperature.

        Two calls with the same picture and identity need not both be made. Empty where an engine cannot say. Raises
        as `describe` does.
        """
