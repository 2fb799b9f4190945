"""Which model this machine is to use."""

from importlib.util import find_spec
from pathlib import Path

from processing.engine_models import CPU_MODEL, GPU_MODEL, FolderModel, HubModel, ModelMissing, parse_model
from processing.engines.base import EngineMisconfigured


def chosen_model(text: str, setting: str = "TRANSFORMERS_MODEL") -> HubModel | FolderModel:
    """What `text` means, which stands in `setting`; the default for this machine if it is empty.

    Raises EngineMisconfigured.
    """
    try:
        return parse_model(text or default_model())
    except ValueError as error:
        raise EngineMisconfigured(f"{setting} is set wrongly. {error}") from error


def default_model() -> str:
    """The larger model where an NVIDIA card and torchvision, which that model needs, are there."""
    if find_spec("torch") is None or find_spec("torchvision") is None:
        return CPU_MODEL
    import torch

    return GPU_MODEL if torch.cuda.is_available() else CPU_MODEL


def folder_of(source: HubModel | FolderModel, models: Path) -> Path:
    """The folder with the model's files. Raises EngineMisconfigured, which says what to do where there is none."""
    try:
        return source.require(models)
    except ModelMissing as error:
        raise EngineMisconfigured(str(error)) from error
