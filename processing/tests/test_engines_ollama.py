"""The Ollama engine against a local server that behaves as the source of Ollama 0.33 says."""

import base64
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import ollama as official
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from processing.engines import Chain, build_engine, engine_chain, engine_names
from processing.engines.base import (
    EngineAnswer,
    EngineConfig,
    EngineError,
    EngineMisconfigured,
    EngineRefused,
    EngineRequest,
    EngineUnavailable,
    Template,
)
from processing.engines.ollama import OllamaEngine
from processing.engines.prompts import PROMPT_VERSION
from processing.preparation import PreparedImage
from processing.tests.fake_servers import FakeOllama, answer, body_of, error
from processing.tests.pictures import noise, prepared
from vedfolnir.lib.outbound import Timeout

TEXT = "A grey shape on a white background."  # what the server sees in noise


@pytest.fixture
def ollama(httpserver: HTTPServer) -> FakeOllama:
    return FakeOllama(httpserver)


@pytest.fixture(scope="module")
def picture() -> PreparedImage:
    return prepared(noise())


def config(ollama: FakeOllama, **options: Any) -> EngineConfig:
    quick = Timeout(connect=2.0, read=5.0, total=8.0)
    settings: dict[str, Any] = {"ollama_url": ollama.url, "describe_timeout": quick, "health_timeout": quick}
    return EngineConfig(**settings | options)


def describe(ollama: FakeOllama, picture: PreparedImage, model: str = "", **request: Any) -> EngineAnswer:
    return OllamaEngine(config(ollama, ollama_model=model)).describe(picture, EngineRequest(**request))


def refused(
    ollama: FakeOllama, picture: PreparedImage, model: str = "", kind: type[EngineError] = EngineRefused
) -> str:
    with pytest.raises(kind) as caught:
        describe(ollama, picture, model)
    assert "\n" not in caught.value.reason
    return caught.value.reason


def unavailable(ollama: FakeOllama, picture: PreparedImage) -> str:
    with pytest.raises(EngineUnavailable) as caught:
        describe(ollama, picture)
    assert "\n" not in caught.value.reason
    return caught.value.reason


def test_it_sends_the_picture_and_returns_the_text_with_the_facts(ollama: FakeOllama, picture: PreparedImage) -> None:
    result = describe(ollama, picture, language="de", max_length=300)
    [asked] = ollama.asked
    [message] = asked["messages"]
    assert message["role"] == "user"
    assert base64.b64decode(message["images"][0]) == picture.jpeg
    assert not message["images"][0].startswith("data:")
    assert asked["stream"] is False
    assert asked["options"]["temperature"] == 0.2
    assert asked["options"]["num_ctx"] >= 4096
    assert asked["keep_alive"] == "10m"
    assert "think" not in asked
    assert "in German, at most 300 characters." in message["content"]
    assert (result.text, result.engine, result.model) == (TEXT, "ollama", "qwen3-vl:4b")
    assert (result.tokens_in, result.tokens_out) == (812, 17)
    assert (result.prompt, result.prompt_version) == (message["content"], PROMPT_VERSION)
    assert result.seconds > 0
    assert result.temperature == 0.2
    assert result.confidence == pytest.approx(-0.2)
    assert not result.needs_special_review


def test_the_official_client_understands_the_server_of_these_tests(ollama: FakeOllama, picture: PreparedImage) -> None:
    client = official.Client(host=ollama.url)
    assert [model.model for model in client.list().models] == ["qwen3-vl:4b"]
    assert client.show("qwen3-vl:4b").capabilities == ["completion"]
    message = {"role": "user", "content": "What is it?", "images": [picture.jpeg]}
    said = client.chat("qwen3-vl:4b", messages=[message], options={"num_ctx": 8192}, keep_alive="10m")
    assert (said.message.content, said.done_reason, said.eval_count) == (TEXT, "stop", 17)
    with pytest.raises(official.ResponseError, match="not found"):
        client.chat("absent", messages=[message])


def test_the_engine_sends_what_the_official_client_sends(ollama: FakeOllama, picture: PreparedImage) -> None:
    prompt = describe(ollama, picture).prompt
    message = {"role": "user", "content": prompt, "images": [picture.jpeg]}
    options = {"temperature": 0.2, "num_ctx": 8192, "num_predict": 1024}
    client = official.Client(host=ollama.url)
    client.chat("qwen3-vl:4b", messages=[message], options=options, keep_alive="10m", logprobs=True)
    ours, theirs = ollama.asked
    assert ours == {name: value for name, value in theirs.items() if name != "tools"}


def test_json_is_asked_for_only_where_the_settings_say_so(ollama: FakeOllama, picture: PreparedImage) -> None:
    result = OllamaEngine(config(ollama, structured=True)).describe(picture, EngineRequest())
    assert result.text == TEXT
    assert set(ollama.asked[0]["format"]["properties"]) == {"alt_text", "decorative"}
    assert "JSON" in result.prompt
    assert "JSON" not in describe(ollama, picture).prompt


def test_all_frames_are_sent_to_a_model_that_takes_them(ollama: FakeOllama, picture: PreparedImage) -> None:
    moving = replace(picture, frames=9, more_frames=(picture.jpeg, picture.jpeg))
    assert "The 3 pictures are frames of one animation" in describe(ollama, moving).prompt
    assert len(ollama.asked[0]["messages"][0]["images"]) == 3


def test_a_model_that_takes_one_picture_gets_the_first_frame(ollama: FakeOllama, picture: PreparedImage) -> None:
    def one(body: dict[str, Any]) -> Response:
        several = len(body["messages"][0]["images"]) > 1
        return error(500, "vision model only supports a single image per message") if several else answer(TEXT)

    ollama.chat = one
    engine = OllamaEngine(config(ollama))
    moving = replace(picture, frames=9, more_frames=(picture.jpeg, picture.jpeg))
    for _again in range(2):
        assert "first of 9 frames" in engine.describe(moving, EngineRequest()).prompt
    assert [len(body["messages"][0]["images"]) for body in ollama.asked] == [3, 1, 1]


def test_a_model_pulled_anew_has_another_identity(ollama: FakeOllama, picture: PreparedImage) -> None:
    assert "digest-of-qwen3-vl:4b" in OllamaEngine(config(ollama)).identity(picture, EngineRequest())


def test_a_prompt_of_ones_own_replaces_the_default(ollama: FakeOllama, picture: PreparedImage) -> None:
    own = Template("Name the colours in {language} ({max_length}).", version="colours/2")
    result = describe(ollama, replace(picture, frames=3), template=own, language="fr")
    assert result.prompt.startswith("Name the colours in French (1500).")
    assert "first of 3 frames of an animation" in result.prompt
    assert result.prompt_version == "colours/2"


def test_an_unknown_language_is_asked_for_by_its_code(ollama: FakeOllama, picture: PreparedImage) -> None:
    assert "the language with the code tlh" in describe(ollama, picture, language="tlh").prompt


def test_a_name_without_a_tag_means_latest(ollama: FakeOllama, picture: PreparedImage) -> None:
    ollama.models = {"registry.example:5000/me/llava:latest": ["vision"], "qwen3-vl:4b": ["vision"]}
    assert describe(ollama, picture, "registry.example:5000/me/llava").model == "registry.example:5000/me/llava:latest"


def test_without_a_name_the_first_model_that_sees_is_taken(ollama: FakeOllama, picture: PreparedImage) -> None:
    ollama.models = {"llama3:8b": ["completion"], "gemma4:e2b": ["completion", "vision"]}
    assert describe(ollama, picture).model == "gemma4:e2b"


def test_older_servers_are_asked_for_the_capabilities(ollama: FakeOllama, picture: PreparedImage) -> None:
    ollama.models = {"llama3:8b": None, "llava:7b": None}
    ollama.hidden = {"llava:7b": ["completion", "vision"]}
    assert describe(ollama, picture).model == "llava:7b"


def test_a_model_that_cannot_see_is_a_wrong_setting_told_before_it_invents_a_picture(
    ollama: FakeOllama, picture: PreparedImage
) -> None:
    ollama.models = {"llama3:latest": ["completion"]}
    assert "cannot see pictures" in refused(ollama, picture, "llama3", EngineMisconfigured)
    assert "ollama pull" in refused(ollama, picture, kind=EngineMisconfigured)
    assert ollama.asked == []


def test_a_missing_model_is_a_wrong_setting_told_with_the_command_that_fetches_it(
    ollama: FakeOllama, picture: PreparedImage
) -> None:
    assert "ollama pull gemma4:e2b" in refused(ollama, picture, "gemma4:e2b", EngineMisconfigured)


def test_a_model_removed_since_is_looked_up_again(ollama: FakeOllama, picture: PreparedImage) -> None:
    engine = OllamaEngine(config(ollama))
    engine.health()
    ollama.models = {"gemma4:e2b": ["vision"]}
    with pytest.raises(EngineUnavailable, match="not found"):
        engine.describe(picture, EngineRequest())
    assert engine.describe(picture, EngineRequest()).model == "gemma4:e2b"


def test_a_named_model_that_was_removed_waits_for_whoever_fetches_it_again(
    ollama: FakeOllama, picture: PreparedImage
) -> None:
    engine = OllamaEngine(config(ollama, ollama_model="qwen3-vl:4b"))
    engine.health()
    ollama.models = {"gemma4:e2b": ["vision"]}
    with pytest.raises(EngineMisconfigured, match="not found"):
        engine.describe(picture, EngineRequest())
    with pytest.raises(EngineMisconfigured, match="ollama pull"):
        engine.describe(picture, EngineRequest())
    ollama.models = {"qwen3-vl:4b": ["vision"]}
    assert engine.describe(picture, EngineRequest()).model == "qwen3-vl:4b"


def test_thinking_is_switched_off_and_what_leaks_is_dropped(ollama: FakeOllama, picture: PreparedImage) -> None:
    ollama.models = {"qwen3-vl:4b": ["completion", "vision", "thinking"]}
    ollama.chat = lambda body: answer(f"<think>Hm, noise?</think>\n\n{TEXT}", thinking="The user wants alt text.")
    assert describe(ollama, picture).text == TEXT
    assert ollama.asked[0]["think"] is False


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (f'"{TEXT}"', TEXT),
        (f"“{TEXT}”", TEXT),
        (f"Alt text: {TEXT}", TEXT),
        (f"**Alt-Text:** {TEXT}", TEXT),
        (f"\n {TEXT}\u202e\n", TEXT),
        ('"STOP" on a red sign, "GO" on a green one "', '"STOP" on a red sign, "GO" on a green one "'),
        ('A sign that reads "STOP"', 'A sign that reads "STOP"'),
    ],
)
def test_labels_and_quotation_marks_around_the_text_go(
    ollama: FakeOllama, picture: PreparedImage, said: str, kept: str
) -> None:
    ollama.chat = lambda body: answer(said)
    assert describe(ollama, picture).text == kept.strip()


def test_a_text_longer_than_asked_for_is_kept_whole_and_noted(ollama: FakeOllama, picture: PreparedImage) -> None:
    result = describe(ollama, picture, max_length=20)
    assert result.text == TEXT
    assert result.notes == (f"The model wrote {len(TEXT)} characters; 20 are allowed.",)


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (lambda: error(400, "this model does not support images"), "this model does not support images"),
        (lambda: body_of({"error": "llama runner process has terminated"}), "has terminated"),
        (lambda: answer("A picture of a", done_reason="length"), "did not come to an end"),
        (lambda: answer("  \n"), "empty answer"),
        (lambda: answer("<think>endless"), "did not come to an end of its thinking"),
        (lambda: answer("<!DOCTYPE html><html><body>Login</body></html>"), "web page"),
        (lambda: body_of([1, 2, 3]), "nonsense"),
        (lambda: body_of({"done": True}), "no message"),
        (lambda: body_of({"message": {"role": "assistant", "content": None}, "done": True}), "no message"),
        (lambda: Response("", 302, {"Location": "http://127.0.0.1:1/"}), "302"),
    ],
)
def test_what_will_not_get_better_by_waiting_is_refused(
    ollama: FakeOllama, picture: PreparedImage, response: Callable[[], Response], reason: str
) -> None:
    ollama.chat = lambda body: response()
    assert reason in refused(ollama, picture)


@pytest.mark.parametrize("status", [408, 429, 499, 500, 502, 503, 504])
def test_a_busy_or_broken_server_is_unavailable(ollama: FakeOllama, picture: PreparedImage, status: int) -> None:
    ollama.chat = lambda body: error(status, "server busy, please try again.  maximum pending requests exceeded")
    assert "maximum pending requests" in unavailable(ollama, picture)


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (lambda: Response("<html>Sign in</html>", content_type="text/html"), "answered with text/html instead of JSON"),
        (lambda: Response('{"message": {"con', content_type="application/json"), "broke off its answer"),
        (lambda: Response("not json at all", content_type="application/json"), "broke off its answer"),
    ],
)
def test_what_is_no_answer_of_the_server_is_an_outage(
    ollama: FakeOllama, picture: PreparedImage, response: Callable[[], Response], reason: str
) -> None:
    ollama.chat = lambda body: response()
    assert reason in unavailable(ollama, picture)


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Holds the server's answer back until the test is over."""
    event = threading.Event()
    yield event
    event.set()


def test_a_server_that_is_too_slow_is_unavailable(
    ollama: FakeOllama, picture: PreparedImage, gate: threading.Event
) -> None:
    def slow(body: dict[str, Any]) -> Response:
        gate.wait(10)
        return answer(TEXT)

    ollama.chat = slow
    engine = OllamaEngine(config(ollama, describe_timeout=Timeout(connect=1.0, read=0.2, total=0.5)))
    with pytest.raises(EngineUnavailable, match="does not answer"):
        engine.describe(picture, EngineRequest())
    gate.set()


def test_no_server_at_all_is_unavailable(picture: PreparedImage) -> None:
    engine = OllamaEngine(EngineConfig(ollama_url="http://127.0.0.1:9"))
    for call in (engine.health, lambda: engine.describe(picture, EngineRequest())):
        with pytest.raises(EngineUnavailable, match=r"http://127\.0\.0\.1:9"):
            call()


def test_something_else_on_ollamas_port_is_a_wrong_setting(httpserver: HTTPServer, picture: PreparedImage) -> None:
    httpserver.expect_request("/api/tags").respond_with_json({"hello": "world"})
    with pytest.raises(EngineMisconfigured, match="does not answer like Ollama"):
        OllamaEngine(EngineConfig(ollama_url=httpserver.url_for(""))).health()


class Stub:
    """An engine that answers or fails as told."""

    follows_instructions = True

    def __init__(self, name: str, outcome: EngineError | str) -> None:
        self.name, self.outcome, self.calls = name, outcome, 0

    def identity(self, image: PreparedImage, request: EngineRequest) -> str:
        return ""

    def describe(self, image: PreparedImage, request: EngineRequest) -> EngineAnswer:
        self.calls += 1
        if isinstance(self.outcome, EngineError):
            raise self.outcome
        return EngineAnswer(text=self.outcome, engine=self.name, model="m")

    def health(self) -> None:
        if isinstance(self.outcome, EngineError):
            raise self.outcome


def test_the_next_engine_is_asked_after_a_refusal_and_the_answer_says_why(picture: PreparedImage) -> None:
    chain = Chain((Stub("one", EngineRefused("It is too dark.")), Stub("two", "A dark room.")))
    result = chain.describe(picture, EngineRequest())
    assert (result.engine, result.text, result.notes) == ("two", "A dark room.", ("one: It is too dark.",))
    chain.health()


def test_an_outage_waits_and_no_other_engine_takes_over(picture: PreparedImage) -> None:
    second = Stub("two", "A dark room.")
    chain = Chain((Stub("one", EngineUnavailable("It sleeps.")), second))
    with pytest.raises(EngineUnavailable, match="It sleeps"):
        chain.describe(picture, EngineRequest())
    assert second.calls == 0
    with pytest.raises(EngineUnavailable):
        chain.health()


def test_when_all_refuse_every_reason_is_told(picture: PreparedImage) -> None:
    chain = Chain((Stub("one", EngineRefused("Too dark.")), Stub("two", EngineRefused("Too bright."))))
    for call in (chain.health, lambda: chain.describe(picture, EngineRequest())):
        with pytest.raises(EngineRefused, match=r"one: Too dark\. two: Too bright\."):
            call()


def test_auto_is_ollama_where_it_sees_and_basic_where_not(ollama: FakeOllama) -> None:
    assert engine_chain(config(ollama, chain="auto")).name == "ollama"
    ollama.models = {"llama3:8b": ["completion"]}
    chain = engine_chain(config(ollama, chain="auto"))
    assert chain.name == "basic"
    assert "no model that sees" in chain.reason
    absent = engine_chain(EngineConfig(chain="auto", ollama_url="http://127.0.0.1:9"))
    assert absent.name == "basic"
    assert "http://127.0.0.1:9" in absent.reason


def test_a_chain_is_named_with_commas() -> None:
    assert engine_chain(EngineConfig(chain=" ollama, basic,ollama ")).name == "ollama,basic"


@pytest.mark.parametrize("names", ["gpt", "basic,gpt", "auto,basic", "", ","])
def test_an_unknown_engine_is_an_error_that_lists_the_known_ones(names: str) -> None:
    with pytest.raises(ValueError, match="Known are: auto, basic, ollama, openai, transformers"):
        engine_chain(EngineConfig(chain=names))


def test_every_name_builds_an_engine_of_that_name() -> None:
    assert [build_engine(name, EngineConfig()).name for name in engine_names()] == engine_names()
