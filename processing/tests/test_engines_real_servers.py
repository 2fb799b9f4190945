"""Model servers that nobody here wrote, with a tiny model that sees: its answer depends on the picture."""

import re

import pytest
from django.test import override_settings

from captions.models import CaptionVersion, Image
from platforms.sandbox.testing import Picture
from processing.describing import Result, caption_image
from processing.engines import build_engine
from processing.engines.base import EngineConfig, EngineMisconfigured, EngineRequest
from processing.preparation import prepare
from processing.tests.pictures import encoded
from processing.tests.real_servers import ModelServer
from processing.tests.tasks_case import TasksCase
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
    with pytest.raises(EngineMisconfigured, match=re.compile("model", re.IGNORECASE)):
        engine.health()


@pytest.mark.parametrize("colour", ["red", "green", "blue"])
def test_the_openai_engine_tells_the_colour_by_llama_server(llama_server: ModelServer, colour: str) -> None:
    engine = build_engine("openai", config_for(llama_server))
    answer = engine.describe(prepare(encoded(drawing(colour, "circle", seed=700))), EngineRequest())
    assert colour in answer.text


@pytest.mark.usefixtures("transformers_serve")
class PipelineTests(TasksCase):
    """The whole way of a picture to its draft, with a real instance's interface before it and a real model behind."""

    @pytest.fixture(autouse=True)
    def _server(self, transformers_serve: ModelServer) -> None:
        self.server = transformers_serve

    def test_a_picture_on_an_instance_gets_the_draft_that_the_model_wrote(self) -> None:
        for colour in ("blue", "red"):
            picture = Picture(data=encoded(drawing(colour, "triangle", seed=701)))
            self.sandbox.add_status(f"Something {colour}?", pictures=[picture], language="en")
        set_up = override_settings(
            CAPTION_ENGINE="openai", OPENAI_BASE_URL=self.server.url, OPENAI_MODEL=self.server.model
        )
        with set_up:
            self.run_task(self.start())
            for pk in Image.objects.due().values_list("pk", flat=True):
                assert caption_image(pk) == Result.DRAFTED
        drafts = set(Image.objects.values_list("generated_caption", flat=True))
        assert drafts == {f"A {colour} shape on a white background." for colour in ("blue", "red")}
        versions = CaptionVersion.objects.all()
        assert {(version.engine, version.model) for version in versions} == {("openai", self.server.model)}
        assert all(version.tokens_out for version in versions)
