import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from PIL import Image
from pytest_django import Settings
from pytest_httpserver import HTTPServer
from werkzeug import Response

from processing.engines import Chain, EngineAnswer, EngineRequest
from processing.engines.basic import MODEL
from processing.preparation import PreparedImage
from processing.tests.fake_servers import FakeOpenAI
from processing.tests.pictures import card, encoded, noise, png_header

# None of these tests may use the database: pytest-django raises where one does.


def run(*arguments: str) -> tuple[str, str, int]:
    """What the command says on standard output and standard error, and its exit status."""
    out, err, status = io.StringIO(), io.StringIO(), 0
    try:
        call_command("caption", *arguments, stdout=out, stderr=err)
    except CommandError as error:
        err.write(f"{error}\n")
        status = error.returncode
    return out.getvalue(), err.getvalue(), status


def objects(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


@pytest.fixture
def sign(tmp_path: Path) -> str:
    path = tmp_path / "sign.png"
    path.write_bytes(encoded(card("Mind the gap")))
    return str(path)


def test_it_prints_the_text_the_checks_the_score_the_time_and_the_engine(sign: str) -> None:
    out, err, status = run(sign)
    lines = out.splitlines()
    assert lines[0] == sign
    assert lines[1] == "  Text on a white background: “Mind the gap”."
    assert lines[2] == "  checks: nothing found"
    assert lines[3].startswith("  score 100 of 100, ")
    assert lines[3].endswith(f" s, basic ({MODEL})")
    assert (err, status) == ("", 0)


def test_it_prints_one_json_object_per_line(sign: str) -> None:
    out, _err, status = run("--json", sign, sign)
    first, second = objects(out)
    assert first | {"seconds": 0} == second | {"seconds": 0}
    assert first["name"] == sign
    assert first["text"] == "Text on a white background: “Mind the gap”."
    assert (first["language"], first["engine"], first["model"], first["category"]) == ("en", "basic", MODEL, "text")
    assert (first["score"], first["findings"], first["needs_special_review"]) == (100, [], True)
    assert first["seconds"] > 0
    assert status == 0


def test_a_check_says_of_each_engine_whether_it_works(httpserver: HTTPServer, settings: Settings) -> None:
    settings.OPENAI_BASE_URL = FakeOpenAI(httpserver).url
    out, err, status = run("--check", "--engine", "openai,basic")
    assert [line.partition(" (")[0] for line in out.splitlines()] == ["openai: works", "basic: works"]
    assert (err, status) == ("", 0)


def test_a_check_of_an_engine_that_is_down_fails_with_the_reason(settings: Settings) -> None:
    settings.OPENAI_BASE_URL, settings.OPENAI_MODEL = "http://127.0.0.1:9/v1", "any"
    out, err, status = run("--check", "--engine", "openai,basic")
    assert out.startswith("basic: works")
    assert "openai: The model server at http://127.0.0.1:9 does not answer" in err
    assert "1 of 2 engines do not work." in err
    assert status == 1


def test_a_check_takes_no_pictures_and_pictures_no_check(sign: str) -> None:
    for arguments in ((), ("--check", sign)):
        _out, err, status = run(*arguments)
        assert "Name pictures to describe, or else --check" in err
        assert status == 1


def test_findings_are_named(tmp_path: Path) -> None:
    (tmp_path / "noise.png").write_bytes(encoded(noise()))
    [result] = objects(run("--json", str(tmp_path / "noise.png"))[0])
    assert [finding["code"] for finding in result["findings"]] == ["says-little"]
    assert result["score"] == 75
    assert "says-little (major): " in run(str(tmp_path / "noise.png"))[0]


def test_the_language_and_the_length_are_kept(sign: str) -> None:
    [result] = objects(run("--json", "--language", "de", "--max-length", "60", sign)[0])
    assert result["text"].startswith("Text auf einem Hintergrund")
    assert len(result["text"]) <= 60
    assert result["language"] == "de"


def test_each_failure_is_one_line_while_the_rest_go_on(tmp_path: Path, sign: str) -> None:
    bad = {
        "text.png": b"just text",
        "empty.jpg": b"",
        "cut.jpg": encoded(noise(), "JPEG")[:4000],
        "bomb.png": png_header(20_000, 20_000),
    }
    for name, data in bad.items():
        (tmp_path / name).write_bytes(data)
    names = [*(str(tmp_path / name) for name in bad), str(tmp_path / "missing.png"), str(tmp_path), "nul\0byte"]
    out, err, status = run(*names, sign)
    told = err.splitlines()
    assert [line.startswith(f"{name}: ") for name, line in zip(names, told, strict=False)] == [True] * len(names)
    assert told[-1] == "7 of 8 pictures could not be described."
    assert "not a picture" in told[0]
    assert "empty" in told[1]
    assert "cut short" in told[2]
    assert "too many pixels" in told[3]
    assert "no such file" in told[4]
    assert "not a file" in told[5]
    assert len(told) == len(names) + 1
    assert "Mind the gap" in out
    assert status == 1


def test_in_json_a_failure_is_an_object_in_its_place(sign: str) -> None:
    out, err, status = run("--json", "missing.png", sign)
    assert objects(out)[0] == {"name": "missing.png", "error": "There is no such file."}
    assert objects(out)[1]["name"] == sign
    assert err.startswith("missing.png: There is no such file.\n")
    assert status == 1


def test_pictures_of_all_kinds_are_described(tmp_path: Path) -> None:
    image = card("Mind the gap")
    alpha = image.convert("RGBA")
    alpha.putalpha(200)
    exif = Image.Exif()
    exif[0x0112] = 6
    kinds = {
        "alpha.png": encoded(alpha),
        "turned.jpg": encoded(image.rotate(90, expand=True), "JPEG", exif=exif),
        "cmyk.jpg": encoded(image.convert("CMYK"), "JPEG"),
        "picture.webp": encoded(image, "WEBP"),
        "moving.gif": encoded(image, "GIF", save_all=True, append_images=[noise(image.size)]),
    }
    for name, data in kinds.items():
        (tmp_path / name).write_bytes(data)
    results = objects(run("--json", *(str(tmp_path / name) for name in kinds))[0])
    assert len(results) == len(kinds)
    assert all("Mind the gap" in result["text"] for result in results)


def test_a_url_is_fetched_where_the_operator_allows_it(httpserver: HTTPServer, settings: Settings) -> None:
    httpserver.expect_request("/sign.png").respond_with_data(encoded(card("Mind the gap")), content_type="image/png")
    httpserver.expect_request("/page").respond_with_data("<!DOCTYPE html><html></html>", content_type="text/html")
    httpserver.expect_request("/gone.png").respond_with_handler(lambda request: Response("gone", 404))
    urls = [httpserver.url_for(path) for path in ("/sign.png", "/page", "/gone.png")]

    settings.OUTBOUND_ALLOW = (f"{httpserver.host}:{httpserver.port}",)
    out, err, status = run(*urls)
    assert "Mind the gap" in out
    assert f"{urls[1]}: This is a web page, not a picture." in err
    assert f"{urls[2]}: The server answered 404 instead of a picture." in err
    assert status == 1

    settings.OUTBOUND_ALLOW = ()
    out, err, status = run(urls[0])
    assert (out, status) == ("", 1)
    assert err.startswith(f"{urls[0]}: ")


def test_an_engine_that_is_down_is_told_for_each_picture(sign: str, settings: Settings) -> None:
    settings.OLLAMA_URL = "http://127.0.0.1:9"
    out, err, status = run("--engine", "ollama", sign)
    assert out == ""
    assert err.startswith(f"{sign}: Ollama at http://127.0.0.1:9 does not answer")
    assert status == 1


def test_auto_says_which_engine_it_took_and_why(sign: str, settings: Settings) -> None:
    settings.OLLAMA_URL = "http://127.0.0.1:9"
    out, err, status = run("--engine", "auto", sign)
    assert f"basic ({MODEL})" in out
    assert err.startswith("Note: Using the basic engine. Ollama at http://127.0.0.1:9 does not answer")
    assert status == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (
            ["--engine", "gpt"],
            "There is no caption engine “gpt”. Known are: auto, basic, ollama, openai, transformers.",
        ),
        (["--engine", ""], "No caption engine is named."),
        (["--max-length", "0"], "--max-length must be at least 1."),
        (["--language", ""], "argument --language: '' is not a language code. Use one such as en, de or pt-br."),
        (["--language", "in English, please"], "is not a language code"),
        (["--timeout", "0"], "argument --timeout: '0' is not a time."),
        (["--timeout", "nan"], "argument --timeout: 'nan' is not a time."),
    ],
)
def test_mistakes_on_the_command_line_are_explained(sign: str, arguments: list[str], complaint: str) -> None:
    out, err, status = run(*arguments, sign)
    assert out == ""
    assert complaint in err
    assert status == 1


@pytest.mark.parametrize(
    "name", ["ftp://example.org/a.png", "file:///etc/passwd", "javascript:alert(1)", "data:image/png;base64,xx"]
)
def test_other_addresses_than_those_of_the_web_are_refused(name: str) -> None:
    assert run(name) == (
        "",
        f"{name}: Only http and https addresses can be fetched.\n1 of 1 pictures could not be described.\n",
        1,
    )


def test_a_local_address_is_refused_with_the_setting_that_allows_it() -> None:
    _out, err, status = run("http://127.0.0.1:8400/a.png", "http://[::1]:8400/a.png")
    assert "An operator can name 127.0.0.1:8400 in OUTBOUND_ALLOW." in err
    assert "An operator can name [::1]:8400 in OUTBOUND_ALLOW." in err
    assert status == 1


def test_an_outage_in_a_chain_says_that_only_a_refusal_goes_on(sign: str, settings: Settings) -> None:
    settings.OLLAMA_URL = "http://127.0.0.1:9"
    out, err, status = run("--engine", "ollama,basic", sign)
    assert (out, status) == ("", 1)
    assert "The next engine of the chain is asked only after a refusal, not after an outage." in err
    assert "only after a refusal" not in run("--engine", "ollama", sign)[1]


def test_an_unknown_language_is_tried_and_noted(sign: str) -> None:
    out, err, status = run("--language", "tlh", sign)
    assert err == "Note: “tlh” is no language that we know by name; the engine gets the code as it is.\n"
    assert "note: The basic engine has no words for the language “tlh”" in out
    assert status == 0


def test_an_engine_that_does_not_answer_is_given_up_after_the_timeout(
    sign: str, httpserver: HTTPServer, settings: Settings
) -> None:
    given_up = threading.Event()

    def late(_request: Any) -> Response:
        given_up.wait(30)
        return Response("{}")

    httpserver.expect_request("/api/tags").respond_with_handler(late)
    settings.OLLAMA_URL = httpserver.url_for("")
    out, err, status = run("--engine", "ollama", "--timeout", "1", sign)
    given_up.set()
    assert (out, status) == ("", 1)
    assert "does not answer" in err


class Scripted:
    """An engine that writes what the test wants."""

    name = "scripted"
    follows_instructions = True

    def __init__(self, *texts: str, wait: threading.Event | None = None) -> None:
        self.texts = list(texts)
        self.wait = wait

    def identity(self, image: PreparedImage, request: EngineRequest) -> str:
        return ""

    def describe(self, image: PreparedImage, request: EngineRequest) -> EngineAnswer:
        assert self.wait is None or self.wait.wait(30)
        return EngineAnswer(text=self.texts.pop(0), engine=self.name, model="1")

    def health(self) -> None:
        """Ready."""


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Callable[[Scripted], None]:
    def use(engine: Scripted) -> None:
        monkeypatch.setattr("processing.management.commands.caption.engine_chain", lambda config: Chain((engine,)))

    return use


def test_a_text_that_nobody_could_use_is_printed_and_counts_as_a_failure(
    sign: str, scripted: Callable[[Scripted], None]
) -> None:
    texts = ["I'm sorry, but I can't describe this image.", "image", "", "A sign with words on it. " * 100]
    scripted(Scripted(*texts, "A sign on a wall says “Mind the gap”."))
    out, err, status = run("--json", *[sign] * 5)
    assert [result["text"] for result in objects(out)][:4] == texts
    assert [result["score"] for result in objects(out)] == [1, 1, 1, 1, 100]
    assert err == "4 of 5 texts cannot be used: their checks name a blocker.\n"
    assert status == 1


class Screen(io.StringIO):
    """A terminal; `told` is set once something is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.told = threading.Event()

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        written = super().write(text)
        self.told.set()
        return written


def test_who_waits_at_a_terminal_is_told_that_it_goes_on(
    sign: str, scripted: Callable[[Scripted], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("processing.management.commands.caption.PATIENCE", 0.01)
    screen = Screen()
    scripted(Scripted("A sign on a wall says “Mind the gap”.", wait=screen.told))
    call_command("caption", sign, stdout=io.StringIO(), stderr=screen)
    assert f"{sign}: still being described after 0 s …" in screen.getvalue()


def test_results_and_failures_come_in_the_order_of_the_pictures(sign: str) -> None:
    command = [sys.executable, "manage.py", "caption", "--engine", "basic", sign, "missing.png", sign]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    said = subprocess.run(
        command,
        cwd=django_settings.BASE_DIR,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    ).stdout
    first, _, second = said.partition("missing.png: There is no such file.\n")
    assert sign in first
    assert sign in second
