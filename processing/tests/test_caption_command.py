import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from PIL import Image
from pytest_django import Settings
from pytest_httpserver import HTTPServer
from werkzeug import Response

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
    assert lines[3].endswith(" s, basic (basic/1)")
    assert (err, status) == ("", 0)


def test_it_prints_one_json_object_per_line(sign: str) -> None:
    out, _err, status = run("--json", sign, sign)
    first, second = objects(out)
    assert first | {"seconds": 0} == second | {"seconds": 0}
    assert first["name"] == sign
    assert first["text"] == "Text on a white background: “Mind the gap”."
    assert (first["language"], first["engine"], first["model"], first["category"]) == ("en", "basic", "basic/1", "text")
    assert (first["score"], first["findings"], first["needs_special_review"]) == (100, [], True)
    assert first["seconds"] > 0
    assert status == 0


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
    assert "basic (basic/1)" in out
    assert err.startswith("Note: Using the basic engine. Ollama at http://127.0.0.1:9 does not answer")
    assert status == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--engine", "gpt"], "There is no caption engine “gpt”. Known are: auto, basic, ollama."),
        (["--engine", ""], "No caption engine is named."),
        (["--max-length", "0"], "--max-length must be at least 1."),
    ],
)
def test_mistakes_on_the_command_line_are_explained(sign: str, arguments: list[str], complaint: str) -> None:
    out, err, status = run(*arguments, sign)
    assert out == ""
    assert complaint in err
    assert status == 1
