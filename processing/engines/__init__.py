"""The engines that describe pictures, and the chain in which they are asked. None of it knows a model of Django's."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from processing.engine_names import AUTO, KNOWN, parse_chain
from processing.engines.base import (
    Engine,
    EngineAnswer,
    EngineConfig,
    EngineError,
    EngineMisconfigured,
    EngineRefused,
    EngineRequest,
    EngineUnavailable,
    PostContext,
)
from processing.engines.basic import BasicEngine
from processing.engines.ollama import OllamaEngine
from processing.engines.openai import OpenAIEngine
from processing.preparation import PreparedImage

__all__ = [
    "AUTO",
    "Chain",
    "Engine",
    "EngineAnswer",
    "EngineConfig",
    "EngineError",
    "EngineMisconfigured",
    "EngineRefused",
    "EngineRequest",
    "EngineUnavailable",
    "PostContext",
    "build_engine",
    "engine_chain",
    "engine_names",
]


def _transformers(config: EngineConfig) -> Engine:
    from processing.engines.local import TransformersEngine

    return TransformersEngine(config)


_ENGINES: dict[str, Callable[[EngineConfig], Engine]] = {
    "basic": lambda config: BasicEngine(),
    "ollama": OllamaEngine,
    "openai": OpenAIEngine,
    "transformers": _transformers,
}


@dataclass(frozen=True)
class Chain:
    """Engines in the order in which they are asked; itself an engine."""

    engines: tuple[Engine, ...]
    reason: str = ""  # why "auto" chose as it did, a sentence for a person; else empty

    @property
    def name(self) -> str:
        return ",".join(engine.name for engine in self.engines)

    @property
    def follows_instructions(self) -> bool:
        return any(engine.follows_instructions for engine in self.engines)

    def describe(self, image: PreparedImage, request: EngineRequest) -> EngineAnswer:
        """The first engine's answer; the next one is asked only after EngineRefused, and the answer notes why.

        EngineUnavailable goes through: an outage waits. If all refuse, EngineRefused names every reason.
        """
        refusals: list[str] = []
        for engine in self.engines:
            try:
                answer = engine.describe(image, request)
            except EngineRefused as error:
                refusals.append(self._named(engine, error))
                continue
            return replace(answer, notes=(*refusals, *answer.notes))
        raise EngineRefused(" ".join(refusals))

    def health(self) -> None:
        """Return if one engine is ready. Raises as `describe` does."""
        refusals: list[str] = []
        for engine in self.engines:
            try:
                return engine.health()
            except EngineRefused as error:
                refusals.append(self._named(engine, error))
        raise EngineRefused(" ".join(refusals))

    def identity(self, image: PreparedImage, request: EngineRequest) -> str:
        """Empty: which engine of the chain will answer is not known before."""
        return ""

    def _named(self, engine: Engine, error: EngineRefused) -> str:
        return error.reason if len(self.engines) == 1 else f"{engine.name}: {error.reason}"


def engine_names() -> list[str]:
    """The engines that can be named in a chain."""
    return sorted(_ENGINES)


def build_engine(name: str, config: EngineConfig) -> Engine:
    """One engine by its name. Raises ValueError, which lists the known names."""
    try:
        build = _ENGINES[name]
    except KeyError:
        raise ValueError(f"There is no caption engine “{name}”. Known are: {KNOWN}.") from None
    return build(config)


def engine_chain(config: EngineConfig) -> Chain:
    """Build `config.chain`. Raises ValueError for an unknown name, an empty chain, and "auto" among others.

    "auto" looks at Ollama now: if it answers and has a model that sees, it is the chain, else `basic` is. No picture is
    described for that, since a model may take minutes to load. Build the chain anew from time to time, so that an
    Ollama that came or went is noticed.
    """
    names = parse_chain(config.chain)
    if names == [AUTO]:
        return _auto_chain(config)
    return Chain(tuple(build_engine(name, config) for name in names))


def _auto_chain(config: EngineConfig) -> Chain:
    ollama = OllamaEngine(config)
    try:
        ollama.find_model()
    except EngineError as error:
        return Chain((build_engine("basic", config),), reason=f"Using the basic engine. {error.reason}")
    return Chain((ollama,))
