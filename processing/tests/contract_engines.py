"""The engines that processing/tests/test_engine_contract.py holds to one contract, and how to start each.

A new engine, or another real server for one, is a `ContractEngine` in `contract_engines()`. Its id names the engine and
what it was proven against: "-contract-only" is a server of our own that behaves as documented, "-real" is one that none
of us wrote.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from processing.engines import Engine, EngineConfig
from processing.engines.basic import BasicEngine
from processing.engines.local import TransformersEngine
from processing.engines.ollama import OllamaEngine
from processing.engines.openai import OpenAIEngine
from processing.tests.fake_servers import DIALECTS, FakeOllama, FakeOpenAI, Speaks, answer
from processing.tests.real_servers import llama_serving, require_packages, transformers_serving
from processing.tests.tiny_model import tiny_model
from vedfolnir.lib.outbound import Timeout

KEY = "sk-canary-of-the-contract-5f21"
QUICK = Timeout(connect=2.0, read=20.0, total=30.0)
NOWHERE = "http://127.0.0.1:9"  # nobody listens on the discard port


@dataclass(frozen=True)
class Subject:
    """One engine under test, and what else the contract needs of it. None where there is no such thing."""

    engine: Engine
    takes_prompts: bool = True  # False for an engine without a model, which is asked nothing in words
    sees_colours: bool = False  # it must call the blue picture blue
    other_model: Engine | None = None  # the same engine with another model
    wrong_model: Engine | None = None  # with a model that does not exist
    down: Engine | None = None  # with a server that does not answer
    saying: Callable[[str], Engine] | None = None  # whose model answers exactly this
    secrets: tuple[str, ...] = ()  # what it was set up with and must never tell


@dataclass(frozen=True)
class ContractEngine:
    id: str
    start: Callable[[], AbstractContextManager[Subject]]
    marks: tuple[pytest.MarkDecorator, ...] = ()

    def as_param(self) -> Any:
        return pytest.param(self, id=self.id, marks=self.marks)


def contract_engines() -> list[ContractEngine]:
    """All engines with all servers that can be had."""
    openai = [
        ContractEngine(f"openai-{speaks.name.replace(' ', '-')}-contract-only", partial(openai_subject, speaks))
        for speaks in DIALECTS
    ]
    return [
        ContractEngine("basic-real", basic_subject),
        ContractEngine("ollama-contract-only", ollama_subject),
        *openai,
        ContractEngine("openai-transformers-serve-real", transformers_serve_subject, (pytest.mark.slow,)),
        ContractEngine("openai-llama-server-real", llama_server_subject, (pytest.mark.slow,)),
        ContractEngine("transformers-real", transformers_subject, (pytest.mark.slow,)),
    ]


@contextmanager
def basic_subject() -> Iterator[Subject]:
    yield Subject(BasicEngine(), takes_prompts=False)


@contextmanager
def ollama_subject() -> Iterator[Subject]:
    with HTTPServer() as server, HTTPServer() as second:
        fake, said = FakeOllama(server), FakeOllama(second)
        fake.models["other-vl:latest"] = ["completion", "vision"]
        config = EngineConfig(ollama_url=fake.url, describe_timeout=QUICK, health_timeout=QUICK)

        def saying(content: str) -> Engine:
            said.chat = lambda body: answer(content)
            return OllamaEngine(replace(config, ollama_url=said.url))

        yield Subject(
            OllamaEngine(config),
            sees_colours=True,
            other_model=OllamaEngine(replace(config, ollama_model="other-vl")),
            wrong_model=OllamaEngine(replace(config, ollama_model="no-such-model")),
            down=OllamaEngine(replace(config, ollama_url=NOWHERE)),
            saying=saying,
        )


@contextmanager
def openai_subject(speaks: Speaks) -> Iterator[Subject]:
    with HTTPServer() as server, HTTPServer() as second:
        fake = FakeOpenAI(server, speaks, key=KEY)
        said = FakeOpenAI(second, speaks)
        config = EngineConfig(openai_url=fake.url, openai_key=KEY, describe_timeout=QUICK, health_timeout=QUICK)

        def saying(content: str) -> Engine:
            said.chat = lambda body: said.completion(content)
            return OpenAIEngine(replace(config, openai_url=said.url))

        yield Subject(
            OpenAIEngine(config),
            sees_colours=True,
            other_model=OpenAIEngine(replace(config, openai_model="other-vl")),
            wrong_model=OpenAIEngine(replace(config, openai_model="no-such-model")) if speaks.knows_models else None,
            down=OpenAIEngine(replace(config, openai_url=f"{NOWHERE}/v1", openai_model="any")),
            saying=saying,
            secrets=(KEY,),
        )


@contextmanager
def transformers_serve_subject() -> Iterator[Subject]:
    """The server of the library `transformers`, with the tiny model that is trained for the tests."""
    with TemporaryDirectory() as folder, transformers_serving(Path(folder)) as server:
        config = EngineConfig(openai_url=server.url, openai_model=server.model)
        yield Subject(
            OpenAIEngine(config),
            sees_colours=True,
            wrong_model=OpenAIEngine(replace(config, openai_model="no-such-model")),
            down=OpenAIEngine(replace(config, openai_url=f"{NOWHERE}/v1")),
        )


@contextmanager
def llama_server_subject() -> Iterator[Subject]:
    """llama.cpp's own server with that model, where it was built. It answers whatever model is named."""
    with TemporaryDirectory() as folder, llama_serving(Path(folder)) as server:
        config = EngineConfig(openai_url=server.url, openai_model=server.model)
        yield Subject(
            OpenAIEngine(config), sees_colours=True, down=OpenAIEngine(replace(config, openai_url=f"{NOWHERE}/v1"))
        )


@contextmanager
def transformers_subject() -> Iterator[Subject]:
    """The same model in this process; there is no server to be down, and no name to be wrong."""
    require_packages()
    with TemporaryDirectory() as folder:
        other = shutil.copytree(tiny_model(), Path(folder) / "other")
        yield Subject(
            TransformersEngine(EngineConfig(transformers_model=str(tiny_model()))),
            sees_colours=True,
            other_model=TransformersEngine(EngineConfig(transformers_model=str(other))),
        )
