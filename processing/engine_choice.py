"""The engine chain of this process: built when first needed, shared by its threads."""

import logging
import threading
from dataclasses import dataclass
from time import monotonic

from processing.engines import AUTO, Chain, EngineMisconfigured, engine_chain
from processing.engines.base import EngineConfig
from processing.engines.config import engine_config

logger = logging.getLogger(__name__)

ASK_AGAIN = 60.0  # seconds: "auto" notices within them that Ollama came or went

__all__ = ["EngineMisconfigured", "current_chain"]

_lock = threading.Lock()


@dataclass
class _Built:
    config: EngineConfig
    chain: Chain
    until: float


_built: _Built | None = None


def current_chain() -> Chain:
    """The chain that CAPTION_ENGINE names. Raises EngineMisconfigured when it names none that we know."""
    global _built  # noqa: PLW0603  (one chain per process is the point)
    config = engine_config()
    with _lock:
        if _built is None or _built.config != config or monotonic() > _built.until:
            try:
                chain = engine_chain(config)
            except ValueError as error:
                raise EngineMisconfigured(f"CAPTION_ENGINE is set wrongly. {error}") from error
            if chain.reason and (_built is None or _built.chain.name != chain.name):
                logger.info("%s", chain.reason)
            # An engine that is expensive to build (`basic` loads models) is kept while the choice stays the same.
            same = _built is not None and _built.config == config and _built.chain.name == chain.name
            kept = _built.chain if _built is not None and same else chain
            _built = _Built(config, kept, _good_until(config.chain))
        return _built.chain


def _good_until(named: str) -> float:
    return monotonic() + ASK_AGAIN if named.strip() == AUTO else float("inf")
