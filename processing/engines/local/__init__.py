"""Models in this process, by the libraries `torch` and `transformers` (requirements-local.txt). No server, no key.

Only models whose classes `transformers` itself brings: no code out of a model's repository is ever run, weights are
read as safetensors alone, and nothing is fetched while pictures are described (manage.py fetch_model does that).
"""

import json
import time
from dataclasses import replace
from pathlib import Path

from processing.engine_models import FolderModel, HubModel
from processing.engines.answers import Reply, answer_from
from processing.engines.base import EngineAnswer, EngineConfig, EngineRequest
from processing.engines.local.choice import chosen_model, folder_of
from processing.engines.local.loading import LocalModel, local_model, require_packages
from processing.engines.probe import PROBE_REQUEST, probe_picture
from processing.engines.prompts import build_prompt
from processing.preparation import PreparedImage

__all__ = ["TransformersEngine"]


class TransformersEngine:
    """Describes with a model in this process. Safe to share between threads; they wait for each other.

    Importing it and building it takes neither torch nor the model; the first picture loads both.
    """

    name = "transformers"
    follows_instructions = True

    def __init__(self, config: EngineConfig) -> None:
        self._wanted = config.transformers_model
        self._models = Path(config.model_folder)
        self._seconds = config.describe_timeout.read

    def health(self) -> None:
        """Describe a blue square. Raises EngineMisconfigured, EngineRefused and EngineUnavailable."""
        self.describe(probe_picture(), PROBE_REQUEST)

    def identity(self, image: PreparedImage, request: EngineRequest) -> str:
        """The model at its revision, the number of frames, the temperature and the prompt."""
        source, folder = self._source()
        model = local_model(folder)
        shown = _shown(image, model)
        known = [self.name, _content_of(source, folder), len(shown.more_frames), request.temperature or 0.0]
        return json.dumps([*known, build_prompt(shown, request)], ensure_ascii=False)

    def describe(self, image: PreparedImage, request: EngineRequest) -> EngineAnswer:
        """Ask the model once, for the likeliest words unless the request names a temperature.

        Raises EngineMisconfigured (packages or model missing, worker forks), EngineRefused (an answer without end or
        empty), EngineUnavailable (busy, too slow, out of memory).
        """
        started = time.monotonic()
        source, folder = self._source()
        model = local_model(folder)
        image = _shown(image, model)
        prompt = build_prompt(image, request)
        temperature = request.temperature or 0.0
        said = model.ask(prompt, [image.jpeg, *image.more_frames], temperature=temperature, seconds=self._seconds)
        return answer_from(
            Reply(said.text, tokens_in=said.tokens_in, tokens_out=said.tokens_out, confidence=said.confidence),
            request,
            engine=self.name,
            model=source.label,
            prompt=prompt,
            temperature=temperature,
            started=started,
        )

    def _source(self) -> tuple[HubModel | FolderModel, Path]:
        require_packages()  # said first: without them, no model is of any use
        source = chosen_model(self._wanted)
        return source, folder_of(source, self._models)


def _shown(image: PreparedImage, model: LocalModel) -> PreparedImage:
    """What the model gets to see: one frame alone if it takes no more."""
    return image if model.takes_several else replace(image, more_frames=())


def _content_of(source: HubModel | FolderModel, folder: Path) -> str:
    """What changes when the model does: a folder's weights may be replaced."""
    if isinstance(source, HubModel):
        return source.pinned
    return f"{folder} {max(path.stat().st_mtime_ns for path in folder.iterdir())}"
