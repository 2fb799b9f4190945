"""The engines' configuration as the Django settings give it."""

from django.conf import settings

from processing.engines.base import EngineConfig


def engine_config() -> EngineConfig:
    """Read CAPTION_ENGINE, OLLAMA_URL and OLLAMA_MODEL."""
    return EngineConfig(
        chain=settings.CAPTION_ENGINE,
        ollama_url=settings.OLLAMA_URL,
        ollama_model=settings.OLLAMA_MODEL,
    )
