"""The OpenAI-compatible engine against a local server in the dialects of the real ones."""

from dataclasses import replace
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from processing.engines import EngineConfig, EngineMisconfigured, EngineRefused, EngineRequest, EngineUnavailable
from processing.engines.base import EngineError
from processing.engines.openai import OpenAIEngine
from processing.engines.probe import probe_picture
from processing.tests.fake_servers import DIALECTS, FakeOpenAI, Speaks, body_of, pictures_in, wrapped
from processing.tests.real_servers import ModelServer

TEXT = "A blue shape on a white background."
KEY = "sk-canary-of-the-engine-77aa"
BY_NAME = {speaks.name: speaks for speaks in DIALECTS}


@pytest.fixture
def server(httpserver: HTTPServer) -> FakeOpenAI:
    return FakeOpenAI(httpserver)


def engine_at(server: FakeOpenAI, **options: Any) -> OpenAIEngine:
    return OpenAIEngine(EngineConfig(openai_url=server.url, **options))


def refused(server: FakeOpenAI, kind: type[EngineError] = EngineRefused, **options: Any) -> str:
    with pytest.raises(kind) as caught:
        engine_at(server, **options).describe(probe_picture(), EngineRequest())
    return caught.value.reason


def test_it_sends_the_picture_and_returns_the_text_with_the_facts(server: FakeOpenAI) -> None:
    answer = engine_at(server).describe(probe_picture(), EngineRequest(temperature=0.7))
    [asked] = server.asked
    assert pictures_in(asked) == [probe_picture().jpeg]
    assert (asked["temperature"], asked["stream"], asked["max_tokens"]) == (0.7, False, 1024)
    assert "response_format" not in asked
    assert (answer.text, answer.engine, answer.model) == (TEXT, "openai", "qwen3-vl-4b")
    assert (answer.tokens_in, answer.tokens_out, answer.temperature) == (812, 17, 0.7)
    assert answer.confidence == pytest.approx(-0.2)


@pytest.mark.parametrize("speaks", DIALECTS, ids=lambda speaks: speaks.name)
def test_json_is_agreed_on_with_every_server_and_remembered(httpserver: HTTPServer, speaks: Speaks) -> None:
    server = FakeOpenAI(httpserver, speaks)
    engine = engine_at(server, structured=True)
    assert engine.describe(probe_picture(), EngineRequest()).text == TEXT
    attempts = len(server.asked)
    assert engine.describe(probe_picture(), EngineRequest()).text == TEXT
    assert len(server.asked) == attempts + 1
    kind = server.asked[-1].get("response_format", {}).get("type")
    assert kind == ("json_object" if speaks.name == "llama_cpp.server" else "json_schema")


def test_a_server_that_takes_no_json_at_all_is_asked_for_plain_text(httpserver: HTTPServer) -> None:
    neither = Speaks("neither", schema="response_format is not supported", object_refused="response_format: no")
    server = FakeOpenAI(httpserver, neither)
    assert engine_at(server, structured=True).describe(probe_picture(), EngineRequest()).text == TEXT
    assert "response_format" not in server.asked[-1]


@pytest.mark.slow
def test_json_that_a_real_server_ignores_comes_back_as_plain_text(transformers_serve: ModelServer) -> None:
    config = EngineConfig(openai_url=transformers_serve.url, openai_model=transformers_serve.model, structured=True)
    assert OpenAIEngine(config).describe(probe_picture(), EngineRequest()).text == TEXT


def test_a_busy_server_unteaches_nothing(server: FakeOpenAI) -> None:
    engine = engine_at(server)
    server.chat = lambda body: wrapped(429, "Rate limit reached; lower max_tokens or temperature.")
    with pytest.raises(EngineUnavailable):
        engine.describe(probe_picture(), EngineRequest())
    assert len(server.asked) == 1


def test_models_that_think_get_their_own_limit_and_temperature(httpserver: HTTPServer) -> None:
    server = FakeOpenAI(httpserver, BY_NAME["openai-reasoning"])
    engine = engine_at(server)
    answer = engine.describe(probe_picture(), EngineRequest())
    assert (answer.text, answer.temperature) == (TEXT, None)
    asked = server.asked[-1]
    assert asked["max_completion_tokens"] == 4096
    assert not {"max_tokens", "temperature", "logprobs"} & set(asked)
    engine.describe(probe_picture(), EngineRequest())
    assert len(server.asked) == 5  # three lessons, and never again


def test_frames_go_to_who_takes_several_and_the_first_to_who_does_not(httpserver: HTTPServer) -> None:
    moving = replace(probe_picture(), frames=9, more_frames=(probe_picture().jpeg,) * 2)
    server = FakeOpenAI(httpserver, BY_NAME["vllm"])
    engine = engine_at(server)
    for _again in range(2):
        assert "first of 9 frames" in engine.describe(moving, EngineRequest()).prompt
    assert [len(pictures_in(body)) for body in server.asked] == [3, 1, 1]
    server.dialect = DIALECTS[0]
    assert "3 pictures" in engine_at(server).describe(moving, EngineRequest()).prompt


def test_the_model_is_the_first_listed_that_may_see(server: FakeOpenAI) -> None:
    assert engine_at(server).find_model().name == "qwen3-vl-4b"
    assert engine_at(server, openai_model="not-listed").find_model().name == "not-listed"
    server.dialect = replace(DIALECTS[0], capabilities=("completion",))
    assert "lists no model that sees" in refused(server, EngineMisconfigured)
    server.models = []
    assert "OPENAI_MODEL" in refused(server, EngineMisconfigured)


def test_an_unknown_model_is_a_wrong_setting_told_with_what_to_do(server: FakeOpenAI) -> None:
    told = refused(server, EngineMisconfigured, openai_model="nope")
    assert "Set OPENAI_MODEL to a model that the server has; nope is none." in told


@pytest.mark.parametrize("status", [400, 404])
def test_a_model_that_vanished_and_was_not_named_is_looked_for_again(server: FakeOpenAI, status: int) -> None:
    engine = engine_at(server)
    engine.health()
    server.chat = lambda body: wrapped(status, "The model `qwen3-vl-4b` does not exist")
    with pytest.raises(EngineUnavailable, match="does not exist"):
        engine.describe(probe_picture(), EngineRequest())
    server.models = ["another-vl"]
    server.chat = lambda body: server.completion(TEXT)
    assert engine.describe(probe_picture(), EngineRequest()).model == "another-vl"


def test_an_address_without_its_end_is_a_wrong_setting(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/models").respond_with_json({"detail": "Not Found"}, 404)
    httpserver.expect_request("/chat/completions").respond_with_json({"detail": "Not Found"}, 404)
    for model in ("", "any"):
        engine = OpenAIEngine(EngineConfig(openai_url=httpserver.url_for("/"), openai_model=model))
        with pytest.raises(EngineMisconfigured, match="usually ends with /v1"):
            engine.health()


def test_a_cache_of_prompts_that_fails_is_left_out_from_then_on(httpserver: HTTPServer) -> None:
    server = FakeOpenAI(httpserver, BY_NAME["llama-server"])

    def cached(body: dict[str, Any]) -> Response:
        if body.get("cache_prompt") is False:
            return server.completion(TEXT)
        return wrapped(500, "got exception: Chunk not found")

    server.chat = cached
    engine = engine_at(server)
    for _again in range(2):
        assert engine.describe(probe_picture(), EngineRequest()).text == TEXT
    assert [body.get("cache_prompt") for body in server.asked] == [None, False, False]


def test_the_pictures_stand_before_the_text(server: FakeOpenAI) -> None:
    engine_at(server).health()
    [message] = server.asked[0]["messages"]
    assert [part["type"] for part in message["content"]] == ["image_url", "text"]


def test_a_server_that_cannot_list_its_models_is_told_from_one_that_is_down(httpserver: HTTPServer) -> None:
    """As transformers serve without its cache folder."""
    httpserver.expect_request("/v1/models").respond_with_data("Internal Server Error", 500, content_type="text/plain")
    engine = OpenAIEngine(EngineConfig(openai_url=httpserver.url_for("/v1")))
    with pytest.raises(EngineUnavailable, match=r"500: Internal Server Error\. Or name a model as OPENAI_MODEL\."):
        engine.health()


def test_something_else_at_the_address_is_a_wrong_setting(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v1/models").respond_with_json({"hello": "world"})
    with pytest.raises(EngineMisconfigured, match="Check OPENAI_BASE_URL, which usually ends with /v1"):
        OpenAIEngine(EngineConfig(openai_url=httpserver.url_for("/v1"))).health()


def test_no_address_is_for_a_person_to_set() -> None:
    with pytest.raises(EngineMisconfigured, match="Set OPENAI_BASE_URL"):
        OpenAIEngine(EngineConfig()).health()


@pytest.mark.parametrize(
    "said",
    [
        "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
        "qwen3 is not a multimodal model",
    ],
)
def test_a_model_that_cannot_see_is_a_wrong_setting_although_the_server_calls_it_its_own_failure(
    server: FakeOpenAI, said: str
) -> None:
    server.chat = lambda body: wrapped(500, said)
    assert "cannot see pictures: serve one that can" in refused(server, EngineMisconfigured)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"content": "A blue sh", "finish": "length"}, "cut off by the limit of tokens"),
        ({"content": "", "finish": "content_filter"}, "content filter"),
        ({"content": None, "refusal": "I'm sorry, I can't help with that."}, "declines to describe"),
        ({"content": None, "reasoning_content": "A blue shape?"}, "empty answer"),
        ({"content": None, "finish": "tool_calls"}, "empty answer"),
    ],
)
def test_what_is_no_description_is_refused(server: FakeOpenAI, message: dict[str, Any], reason: str) -> None:
    server.chat = lambda body: server.completion(**message)
    assert reason in refused(server)


def test_an_answer_in_parts_is_put_together(server: FakeOpenAI) -> None:
    parts = [{"type": "text", "text": "A blue "}, {"type": "text", "text": "square."}]
    server.chat = lambda body: server.completion(parts)
    assert engine_at(server).describe(probe_picture(), EngineRequest()).text == "A blue square."


def test_the_key_goes_along_and_is_never_told(httpserver: HTTPServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    server = FakeOpenAI(httpserver, key=KEY)
    config = EngineConfig(openai_url=server.url, openai_key=KEY)
    engine = OpenAIEngine(config)
    assert engine.describe(probe_picture(), EngineRequest()).text == TEXT
    server.chat = lambda body: wrapped(400, f"The key {KEY} may not do this")
    with pytest.raises(EngineRefused) as caught:
        engine.describe(probe_picture(), EngineRequest())
    assert r"The key ***** may not" in caught.value.reason
    known = [repr(config), repr(engine), repr(vars(caught.value)), caplog.text]
    assert [text for text in known if KEY in text] == []


def test_credit_that_is_used_up_is_for_a_person_although_its_status_says_again_later(server: FakeOpenAI) -> None:
    server.chat = lambda body: wrapped(429, "You exceeded your current quota.", "insufficient_quota")
    with pytest.raises(EngineMisconfigured, match="OPENAI_API_KEY"):
        engine_at(server).health()


def test_an_error_in_a_good_answer_counts_as_what_it_says(server: FakeOpenAI) -> None:
    """As OpenRouter passes on the failures of others."""
    server.chat = lambda body: body_of({"error": {"message": "Rate limited", "code": 429}})
    with pytest.raises(EngineUnavailable, match="Rate limited"):
        engine_at(server).health()


@pytest.mark.parametrize("code", ["x", "9" * 5000, "２００", None, {}])
def test_an_error_in_a_good_answer_whose_code_is_none_is_a_refusal(server: FakeOpenAI, code: Any) -> None:
    server.chat = lambda body: body_of({"error": {"message": "Bad picture", "code": code}})
    assert "Bad picture" in refused(server)
