"""Model servers that nobody here wrote, with a tiny model that sees: its answer depends on the picture."""

import re

import pytest

from processing.engines import build_engine
from processing.engines.base import EngineConfig, EngineMisconfigured, EngineRefused, EngineRequest
from processing.preparation import prepare
from processing.tests.pictures import encoded
from processing.tests.real_servers import ModelServer
from processing.tests.tiny_model import drawing

pytestmark = [pytest.mark.slow]


def config_for(server: ModelServer, **changes: str) -> EngineConfig:
    return EngineConfig(openai_url=server.url, openai_model=changes.get("openai_model", server.model))


@pytest.mark.parametrize("colour", ["red", "green", "blue"])
def test_the_openai_engine_tells_the_colour_by_transformers_serve(transformers_serve: ModelServer, colour: str) -> None:
    engine = build_engine("openai", config_for(transformers_serve))
    picture = prepare(encoded(drawing(colour, "circle", seed=700)))
    answer = engine.describe(picture, EngineRequest())
    assert answer.text == f"A {colour} shape on a white background."
    assert answer.model == transformers_serve.model
    assert answer.tokens_in
    assert answer.tokens_out


def test_the_openai_engine_is_well_by_transformers_serve(transformers_serve: ModelServer) -> None:
    build_engine("openai", config_for(transformers_serve)).health()


def test_transformers_serve_refuses_a_model_that_it_does_not_have(transformers_serve: ModelServer) -> None:
    engine = build_engine("openai", config_for(transformers_serve, openai_model="nobody/nothing"))
    with pytest.raises((EngineRefused, EngineMisconfigured), match=re.compile("model", re.IGNORECASE)):
        engine.health()
