"""Real model servers for tests, which nobody here wrote, with the tiny model that is trained for them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
import requests

from processing.tests.tiny_gguf import write_gguf
from processing.tests.tiny_model import tiny_model
from scripts import llama_server, services

START_SECONDS = 120  # torch alone takes some seconds to load, and more where others work, too
NEEDED = ("torch", "transformers", "accelerate", "fastapi", "uvicorn", "openai")


@dataclass(frozen=True)
class ModelServer:
    """A server that runs: `url` is what OPENAI_BASE_URL wants, `model` what OPENAI_MODEL wants."""

    url: str
    model: str
    log: Path


def require_packages(*others: str) -> None:
    """Skip the test, with the reason, where the packages are not installed."""
    missing = [name for name in (*NEEDED, *others) if find_spec(name) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}; scripts/test installs them: pip install -r requirements-models.txt")


@contextmanager
def transformers_serving(folder: Path) -> Iterator[ModelServer]:
    """`transformers serve`, the OpenAI-compatible server of the library `transformers`, with the tiny model."""
    require_packages()
    model = tiny_model()
    home = folder / "home"
    (home / "hub").mkdir(parents=True)  # its list of models fails without that folder
    port = services.free_port()
    command = [
        *(str(Path(sys.executable).with_name("transformers")), "serve", str(model)),
        *("--host", "127.0.0.1", "--port", str(port), "--device", "cpu"),
    ]
    variables = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1", "OMP_NUM_THREADS": "1"}
    log = folder / "serve.log"
    with running(command, variables, log) as process:
        wait_for(f"http://127.0.0.1:{port}/health", process, log)
        yield ModelServer(f"http://127.0.0.1:{port}/v1", str(model), log)


@contextmanager
def llama_serving(folder: Path) -> Iterator[ModelServer]:
    """llama.cpp's own server with the same model; the test is skipped where it was not built."""
    require_packages("gguf")
    try:
        words = llama_server.command()
    except llama_server.LlamaMissing as error:
        pytest.skip(str(error))
    language, eyes = write_gguf(tiny_model(), folder)
    port = services.free_port()
    command = [
        *(*words, "--model", str(language), "--mmproj", str(eyes), "--alias", "tiny", "--jinja"),
        *("--host", "127.0.0.1", "--port", str(port), "--parallel", "4", "--ctx-size", "8192", "--threads", "1"),
    ]
    log = folder / "llama-server.log"
    with running(command, {}, log) as process:
        wait_for(f"http://127.0.0.1:{port}/health", process, log)
        yield ModelServer(f"http://127.0.0.1:{port}/v1", "tiny", log)


@contextmanager
def running(command: Sequence[str], variables: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends with this one."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            [*services.own_process(signal.SIGTERM), *command],
            env=os.environ | variables,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when `url` answers; fail the test, with the server's last words, if it does not."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            if requests.get(url, timeout=5).ok:
                return
        except requests.RequestException:
            pass
        if process.poll() is not None or time.monotonic() > deadline:
            said = log.read_text(encoding="utf-8", errors="replace")[-2000:]
            pytest.fail(f"{process.args!r} did not start. Its last words:\n{said}")
        time.sleep(0.1)
