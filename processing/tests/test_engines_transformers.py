"""The engine in this process, with a tiny model that sees: what it says, and how it fails."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from pytest_httpserver import HTTPServer

from processing.engine_models import CPU_MODEL, parse_model
from processing.engines.base import (
    EngineConfig,
    EngineError,
    EngineMisconfigured,
    EngineRefused,
    EngineRequest,
    EngineUnavailable,
)
from processing.engines.local import TransformersEngine, choice, loading
from processing.engines.local.fetching import Hub
from processing.engines.probe import probe_picture
from processing.preparation import prepare
from processing.tests.hub import OwnHub, files_of
from processing.tests.pictures import encoded
from processing.tests.tiny_model import drawing
from vedfolnir.lib.outbound import Timeout

pytestmark = [pytest.mark.slow]


def engine_for(folder: Path, **options: Any) -> TransformersEngine:
    return TransformersEngine(EngineConfig(transformers_model=str(folder), **options))


@pytest.fixture
def engine(tiny_model_folder: Path) -> TransformersEngine:
    return engine_for(tiny_model_folder)


@pytest.fixture
def own_folder(tiny_model_folder: Path, tmp_path: Path) -> Path:
    """A copy of the model that a test may spoil."""
    return Path(shutil.copytree(tiny_model_folder, tmp_path / "own"))


@pytest.mark.parametrize("colour", ["red", "green", "blue", "yellow"])
def test_the_answer_depends_on_the_picture(engine: TransformersEngine, colour: str) -> None:
    answer = engine.describe(prepare(encoded(drawing(colour, "circle", seed=702))), EngineRequest())
    assert answer.text == f"A {colour} shape on a white background."
    assert answer.tokens_in
    assert answer.tokens_out
    assert answer.confidence is not None
    assert -0.5 < answer.confidence < 0
    assert answer.temperature == 0.0


def test_the_likeliest_words_are_the_same_each_time(engine: TransformersEngine) -> None:
    said = {engine.describe(probe_picture(), EngineRequest()).text for _again in range(3)}
    assert len(said) == 1


def test_several_frames_are_shown_as_several_pictures(engine: TransformersEngine) -> None:
    frame = probe_picture().jpeg
    one = engine.describe(probe_picture(), EngineRequest())
    three = engine.describe(replace(probe_picture(), frames=9, more_frames=(frame, frame)), EngineRequest())
    assert one.tokens_in is not None
    assert three.tokens_in is not None
    assert three.tokens_in - one.tokens_in == 2 * 16, "the model sees a picture as 16 tokens"


def test_an_answer_without_an_end_is_no_description(
    engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "MAX_NEW_TOKENS", 4)
    with pytest.raises(EngineRefused, match="did not come to an end within 4 tokens"):
        engine.describe(probe_picture(), EngineRequest())


def test_a_model_that_is_too_slow_is_an_outage(tiny_model_folder: Path) -> None:
    hurried = engine_for(tiny_model_folder, describe_timeout=Timeout(connect=1.0, read=0.001, total=1.0))
    with pytest.raises(EngineUnavailable, match="did not come to an end within"):
        hurried.describe(probe_picture(), EngineRequest())


def test_who_waits_too_long_for_the_model_comes_again_later(tiny_model_folder: Path) -> None:
    model = loading.local_model(tiny_model_folder)
    with model.turn, pytest.raises(EngineUnavailable, match="busy with other pictures"):
        model.ask("What is there?", [probe_picture().jpeg], temperature=0.0, seconds=0.01)
    assert not model.turn.locked()


@pytest.mark.parametrize(
    "message", ["CUDA out of memory. Tried to allocate", "DefaultCPUAllocator: can't allocate memory"]
)
def test_too_little_memory_for_a_picture_is_an_outage(
    engine: TransformersEngine, tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch, message: str
) -> None:
    def fail(**options: object) -> None:
        raise RuntimeError(message)

    monkeypatch.setattr(loading.local_model(tiny_model_folder).model, "generate", fail)
    with pytest.raises(EngineUnavailable, match="ran out of memory"):
        engine.describe(probe_picture(), EngineRequest())


def test_other_weights_in_the_folder_are_another_identity(own_folder: Path) -> None:
    engine = engine_for(own_folder)
    before = engine.identity(probe_picture(), EngineRequest())
    (own_folder / "model.safetensors").touch()
    assert engine.identity(probe_picture(), EngineRequest()) != before


def test_it_describes_with_what_was_fetched(tiny_model_folder: Path, httpserver: HTTPServer, tmp_path: Path) -> None:
    own = OwnHub(httpserver, files_of(tiny_model_folder))
    hub = Hub(own.url)
    hub.fetch(hub.plan(own.model, tmp_path), lambda count: None)
    hub.close()
    engine = TransformersEngine(EngineConfig(transformers_model=own.model.pinned, model_folder=str(tmp_path)))
    engine.health()
    assert engine.describe(probe_picture(), EngineRequest()).model == own.model.label == "somebody/tiny@0123456789ab"


# --- what cannot be loaded --------------------------------------------------------------------------------------------


def refusal(engine: TransformersEngine) -> str:
    with pytest.raises(EngineMisconfigured) as caught:
        engine.describe(probe_picture(), EngineRequest())
    assert "\n" not in caught.value.reason
    return caught.value.reason


def test_missing_packages_are_named_with_how_to_install_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "find_spec", lambda name: None if name == "torch" else find_spec(name))
    reason = refusal(engine_for(tmp_path))
    assert "not installed: torch." in reason
    assert "requirements-local.txt" in reason


def test_a_model_that_was_not_fetched_is_named_with_how_to_fetch_it(tmp_path: Path) -> None:
    engine = TransformersEngine(EngineConfig(transformers_model=CPU_MODEL, model_folder=str(tmp_path)))
    assert f"manage.py fetch_model --model {CPU_MODEL}" in refusal(engine)


def test_the_default_needs_what_is_installed_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "find_spec", lambda name: None if name == "torchvision" else find_spec(name))
    assert choice.default_model() == CPU_MODEL
    assert choice.chosen_model("") == parse_model(CPU_MODEL)


def test_weights_that_may_hold_code_are_not_loaded(own_folder: Path) -> None:
    (own_folder / "model.safetensors").rename(own_folder / "pytorch_model.bin")
    assert "*.safetensors" in refusal(engine_for(own_folder))


def test_damaged_weights_are_said(own_folder: Path) -> None:
    whole = (own_folder / "model.safetensors").read_bytes()
    (own_folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    assert "cannot be loaded" in refusal(engine_for(own_folder))


def test_code_in_a_models_folder_is_never_run(own_folder: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    (own_folder / "modeling_own.py").write_text(f"open({str(ran)!r}, 'w').close()\n", encoding="utf-8")
    config = json.loads((own_folder / "config.json").read_text(encoding="utf-8"))
    config |= {
        "model_type": "own",
        "auto_map": {"AutoConfig": "modeling_own.Own", "AutoModelForImageTextToText": "modeling_own.Own"},
    }
    (own_folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert "cannot be loaded" in refusal(engine_for(own_folder))
    assert not ran.exists()


def test_a_model_that_cannot_be_asked_in_words_is_refused(own_folder: Path) -> None:
    (own_folder / "chat_template.jinja").unlink()
    assert "no chat template" in refusal(engine_for(own_folder))


# --- processes --------------------------------------------------------------------------------------------------------

FORKING = """
import os, sys
import django; django.setup()
from processing.engines.base import EngineConfig, EngineMisconfigured, EngineRequest
from processing.engines.local import TransformersEngine
from processing.engines.probe import probe_picture
assert "torch" not in sys.modules and "transformers" not in sys.modules, "building an engine must stay quick"
engine = TransformersEngine(EngineConfig(transformers_model=sys.argv[1]))
if sys.argv[2] == "before":
    engine.health()
if (child := os.fork()) == 0:
    try:
        print(engine.describe(probe_picture(), EngineRequest()).text, flush=True)
    except EngineMisconfigured as error:
        print(error.reason, flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""


def said_by_a_child(folder: Path, loaded: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", FORKING, str(folder), loaded],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout


def test_a_child_of_a_worker_loads_the_model_for_itself(tiny_model_folder: Path) -> None:
    assert "shape on a white background." in said_by_a_child(tiny_model_folder, "after")


def test_a_child_of_a_process_that_had_loaded_it_says_which_pool_to_use(tiny_model_folder: Path) -> None:
    assert "--pool=threads" in said_by_a_child(tiny_model_folder, "before")


# --- the default for processors ---------------------------------------------------------------------------------------


def test_the_classes_of_the_default_model_load_and_answer_with_what_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Idefics3, as SmolVLM-500M-Instruct is, with few weights by chance: it cannot say anything of sense."""
    from processing.tests.tiny_idefics import save_idefics

    monkeypatch.setattr(loading, "MAX_NEW_TOKENS", 8)
    save_idefics(tmp_path)
    picture = prepare(encoded(drawing("red", size=(1024, 768))))
    with pytest.raises(EngineError, match="did not come to an end within 8 tokens"):
        engine_for(tmp_path).describe(picture, EngineRequest())
    model = loading.local_model(tmp_path)
    assert model.takes_several
    assert model.processor.image_processor.size == {"longest_edge": loading.TILED_EDGE}
