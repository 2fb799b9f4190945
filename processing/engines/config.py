"""The engines' configuration as the Django settings give it."""

from django.conf import settings

from processing.engines.base import EngineConfig, describing_within


def engine_config() -> EngineConfig:
    """Read CAPTION_*, OLLAMA_*, OPENAI_*, ENGINE_TIMEOUT, TRANSFORMERS_MODEL and MODEL_FOLDER."""
    return EngineConfig(
        chain=settings.CAPTION_ENGINE,
        ollama_url=settings.OLLAMA_URL,
        ollama_model=settings.OLLAMA_MODEL,
        openai_url=settings.OPENAI_BASE_URL,
        openai_key=settings.OPENAI_API_KEY,
        openai_model=settings.OPENAI_MODEL,
        describe_timeout=describing_within(settings.ENGINE_TIMEOUT),
        structured=settings.CAPTION_STRUCTURED,
        transformers_model=settings.TRANSFORMERS_MODEL,
        model_folder=str(settings.MODEL_FOLDER),
    )
