"""Real model servers, started once in each process of a test run, and only where a test asks for them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from processing.tests.real_servers import ModelServer, llama_serving, require_packages, transformers_serving
from processing.tests.tiny_model import tiny_model


@pytest.fixture(scope="session")
def tiny_model_folder() -> Path:
    """The model that names the colour of a drawn shape, trained if this machine has it not."""
    require_packages()
    return tiny_model()


@pytest.fixture(scope="session")
def transformers_serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    """`transformers serve` with that model."""
    with transformers_serving(tmp_path_factory.mktemp("transformers-serve")) as server:
        yield server


@pytest.fixture(scope="session")
def llama_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    """llama.cpp's own server with that model, where it was built."""
    with llama_serving(tmp_path_factory.mktemp("llama-server")) as server:
        yield server
