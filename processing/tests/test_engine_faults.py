"""How engines fail whose model runs on a server: each fault by its kind, told in one line, and never with a text."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from processing.engines import EngineConfig, EngineError, EngineMisconfigured, EngineRefused, EngineUnavailable
from processing.engines.http import MAX_BYTES
from processing.engines.ollama import OllamaEngine
from processing.engines.openai import OpenAIEngine
from processing.engines.probe import PROBE_REQUEST, probe_picture
from processing.engines.served import ServedEngine
from processing.tests.fake_servers import FakeOllama, FakeOpenAI, answer, body_of, error
from vedfolnir.lib.outbound import Timeout

QUICK = Timeout(connect=2.0, read=5.0, total=8.0)


@dataclass
class Bench:
    """One engine and its server."""

    fake: FakeOllama | FakeOpenAI
    build: Callable[[EngineConfig], ServedEngine]

    def config(self, url: str = "", **options: Any) -> EngineConfig:
        url = url or self.fake.url
        times: dict[str, Any] = {"describe_timeout": QUICK, "health_timeout": QUICK}
        return EngineConfig(ollama_url=url, openai_url=url, **times | options)

    def answering(self, response: Callable[[], Response]) -> ServedEngine:
        self.fake.chat = lambda body: response()
        return self.build(self.config())

    def said(self, content: str, **options: Any) -> Response:
        if isinstance(self.fake, FakeOpenAI):
            return self.fake.completion(content, finish=options.get("done_reason", "stop"))
        return answer(content, **options)


@pytest.fixture(params=[(FakeOllama, OllamaEngine), (FakeOpenAI, OpenAIEngine)], ids=["ollama", "openai"])
def bench(request: pytest.FixtureRequest, httpserver: HTTPServer) -> Bench:
    fake, build = request.param
    return Bench(fake(httpserver), build)


Kind = TypeVar("Kind", bound=EngineError)


def failure(engine: ServedEngine, kind: type[Kind]) -> Kind:
    with pytest.raises(kind) as caught:
        engine.describe(probe_picture(), PROBE_REQUEST)
    assert caught.value.reason
    assert "\n" not in caught.value.reason
    assert len(caught.value.reason) < 600
    return caught.value


@pytest.mark.parametrize(
    "response",
    [
        lambda: error(503, "server busy, please try again.  maximum pending requests exceeded"),
        lambda: error(429, "slow down"),
        lambda: error(408, "too slow"),
        lambda: error(500, "llama runner process has terminated"),
        lambda: Response("Internal Server Error", 500, content_type="text/plain"),
        lambda: Response("<html><h1>502 Bad Gateway</h1><hr>nginx</html>", 502, content_type="text/html"),
        lambda: Response("", 504),
    ],
    ids=["queue-full", "too-many", "timeout", "crashed", "plain-text", "gateway", "silent"],
)
def test_a_busy_or_broken_server_is_asked_again_later(bench: Bench, response: Callable[[], Response]) -> None:
    assert failure(bench.answering(response), EngineUnavailable).retry_after is None


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_says_when_it_wants_to_be_asked_again(bench: Bench, status: int) -> None:
    engine = bench.answering(lambda: error(status, "busy", **{"Retry-After": "17"}))
    assert failure(engine, EngineUnavailable).retry_after == 17.0


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (lambda: error(400, "bad picture"), "bad picture"),
        (lambda: error(413, "too large"), "too large"),
        (lambda: body_of({"error": "llama runner process has terminated"}), "has terminated"),
        (lambda: Response('{"done": false}\n{"error": "it broke"}\n', content_type="application/x-ndjson"), "it broke"),
        (lambda: Response("<html>Welcome to nginx!</html>", content_type="text/html"), "nonsense"),
        (lambda: Response('{"message": {"content": "A blue sh', content_type="application/json"), "nonsense"),
        (lambda: Response("", content_type="application/json"), "nonsense"),
        (lambda: body_of([1, 2]), "nonsense"),
        (lambda: body_of({}), "no message"),
        (lambda: body_of({"choices": [], "message": None}), "no message"),
        (lambda: Response("", 302, {"Location": "http://127.0.0.1:1/"}), "302"),
        (lambda: body_of({"padding": "x" * MAX_BYTES}), "larger than"),
    ],
    ids=[
        "bad-request",
        "too-large",
        "error-with-200",
        "error-in-stream",
        "web-page",
        "half-json",
        "empty-body",
        "list",
        "nothing",
        "no-message",
        "redirect",
        "oversized",
    ],
)
def test_what_waiting_does_not_mend_is_refused(bench: Bench, response: Callable[[], Response], reason: str) -> None:
    assert reason in failure(bench.answering(response), EngineRefused).reason


@pytest.mark.parametrize("content", ["", " \n ", "…", "<html>hello</html>", '{"alt_text": "A blu', "[DECORATIVE]"])
def test_a_good_answer_without_a_text_is_refused(bench: Bench, content: str) -> None:
    failure(bench.answering(lambda: bench.said(content)), EngineRefused)


def test_half_a_sentence_is_refused(bench: Bench) -> None:
    engine = bench.answering(lambda: bench.said("A blue shape on a", done_reason="length"))
    assert "did not come to an end" in failure(engine, EngineRefused).reason


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_wrong_key_is_for_a_person(bench: Bench, status: int) -> None:
    said = failure(bench.answering(lambda: error(status, "no")), EngineMisconfigured)
    assert "Check O" in said.reason  # the setting by its name


def test_a_wrong_model_is_refused_with_what_to_do(bench: Bench) -> None:
    engine = bench.build(bench.config(ollama_model="absent", openai_model="absent"))
    reason = failure(engine, EngineRefused).reason
    assert "absent" in reason
    assert "ollama pull" in reason or "OPENAI_MODEL" in reason


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Holds the server's answer back until the test is over."""
    event = threading.Event()
    yield event
    event.set()


def test_a_server_that_is_too_slow_is_asked_again_later(bench: Bench, gate: threading.Event) -> None:
    def slow() -> Response:
        gate.wait(10)
        return bench.said("A blue shape.")

    bench.answering(slow)
    engine = bench.build(bench.config(describe_timeout=Timeout(connect=1.0, read=0.2, total=0.5)))
    failure(engine, EngineUnavailable)
    gate.set()


@contextmanager
def cutting(part: bytes) -> Iterator[str]:
    """The address of a server that answers every request with `part` and breaks off."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _address = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(1024)
                    connection.sendall(part)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize(
    "part",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{"message": {"content": "A b',
    ],
    ids=["before-the-answer", "in-the-headers", "in-the-body"],
)
def test_a_server_that_dies_in_the_middle_is_asked_again_later(bench: Bench, part: bytes) -> None:
    with cutting(part) as url:
        failure(bench.build(bench.config(url, openai_model="any")), EngineUnavailable)


def test_a_server_that_comes_back_is_used_again(bench: Bench) -> None:
    """The same engine, after an outage, a removed model and a good answer."""
    engine = bench.answering(lambda: error(503, "busy"))
    failure(engine, EngineUnavailable)
    bench.fake.chat = lambda body: bench.said("A blue square.")
    assert engine.describe(probe_picture(), PROBE_REQUEST).text == "A blue square."


def test_without_a_picture_nothing_is_sent(bench: Bench) -> None:
    engine = bench.build(bench.config())
    for jpeg in (b"", b"GIF89a"):
        with pytest.raises(EngineRefused, match="no picture"):
            engine.describe(replace(probe_picture(), jpeg=jpeg), PROBE_REQUEST)
    assert bench.fake.asked == []
