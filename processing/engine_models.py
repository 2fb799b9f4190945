"""Which model is meant, and where it lies; for the settings too, so nothing here imports an engine or torch."""

import re
from dataclasses import dataclass
from pathlib import Path

# Both under the Apache licence 2.0, and loaded by classes of `transformers` itself. The first is the one that needs no
# torchvision (docs/decisions.md). The weights could not be had where this was written: of both, the revisions are what
# several public sources name, and the classes were tried with weights of our own.
CPU_MODEL = "HuggingFaceTB/SmolVLM-500M-Instruct@a7da5b986cb59b408707209984f360a5f4ad7e47"
GPU_MODEL = "Qwen/Qwen3-VL-4B-Instruct@ebb281ec70b05090aa6165b016eac8ec08e71b17"

COMPLETE = "vedfolnir-complete.json"  # written last of all into a fetched model's folder
_PART = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?"
_HUB_MODEL = re.compile(rf"(?P<repository>{_PART}/{_PART})@(?P<revision>[0-9a-f]{{40}})")
_UNPINNED = re.compile(rf"{_PART}/{_PART}(?:@.*)?")


class ModelMissing(Exception):
    """The model is not where it should be; the text says what to do."""


@dataclass(frozen=True)
class HubModel:
    """A model of the hub at one revision, a Git commit: what it is today, it is tomorrow."""

    repository: str  # "owner/name"
    revision: str  # 40 hex digits

    @property
    def label(self) -> str:
        return f"{self.repository}@{self.revision[:12]}"

    @property
    def pinned(self) -> str:
        return f"{self.repository}@{self.revision}"

    def folder(self, models: Path) -> Path:
        """Where it lies below the folder of all models, or would lie."""
        return models / self.repository.replace("/", "--") / self.revision

    def is_complete(self, models: Path) -> bool:
        """Whether all of it was fetched and checked."""
        return (self.folder(models) / COMPLETE).is_file()

    def require(self, models: Path) -> Path:
        """The folder with all its files. Raises ModelMissing, which says how to fetch it."""
        folder = self.folder(models)
        if not self.is_complete(models):
            raise ModelMissing(
                f"The model {self.label} was not fetched yet. Fetch it with: manage.py fetch_model "
                f"--model {self.pinned}"
            )
        return folder


@dataclass(frozen=True)
class FolderModel:
    """A model in a folder of the operator's own."""

    path: Path

    @property
    def label(self) -> str:
        return self.path.name

    def require(self, models: Path) -> Path:
        """The folder itself. Raises ModelMissing unless it holds a model in the safetensors format."""
        if not (self.path / "config.json").is_file() or not list(self.path.glob("*.safetensors")):
            raise ModelMissing(
                f"{self.path} holds no model: a config.json and weights as *.safetensors are needed. "
                "Correct TRANSFORMERS_MODEL."
            )
        return self.path


def parse_model(text: str) -> HubModel | FolderModel:
    """What TRANSFORMERS_MODEL means. Raises ValueError, which says what to write."""
    text = text.strip()
    if match := _HUB_MODEL.fullmatch(text):
        return HubModel(match["repository"], match["revision"])
    path = Path(text).expanduser()
    if path.is_absolute() or (text.startswith(".") and path.is_dir()):
        return FolderModel(path.absolute())
    if _UNPINNED.fullmatch(text):
        raise ValueError(
            f"“{text}” names no revision, so it may become another model overnight. Name the commit of 40 hex digits "
            "that the model's page shows under “Files”: owner/name@commit."
        )
    raise ValueError(
        f"“{text}” is no model. Name one as owner/name@commit, the commit being 40 hex digits, or the absolute path of "
        "a folder."
    )
