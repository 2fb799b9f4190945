"""What scripts do about models: pins that stand in two places, the optional server, the last lines of scripts/test."""

import re
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

from scripts import checks, llama_server

ROOT = Path(settings.BASE_DIR)
REPORT = """<testsuites><testsuite tests="6" failures="0" errors="0" skipped="2">
<testcase classname="processing.tests.test_engine_contract" name="test_one[openai-transformers-serve-real]"/>
<testcase classname="processing.tests.test_engine_contract" name="test_two[transformers-real-content0]"/>
<testcase classname="processing.tests.test_engine_contract" name="test_one[openai-llama-server-real]">
  <skipped message="it was not built here"/></testcase>
<testcase classname="processing.tests.test_engine_contract" name="test_one[openai-strict-contract-only]"/>
<testcase classname="processing.tests.test_engine_contract" name="test_two[ollama-contract-only-content0]"/>
<testcase classname="processing.tests.test_engine_contract" name="test_one[other-contract-only]"><skipped/></testcase>
</testsuite></testsuites>"""


def test_the_report_says_which_engines_had_real_servers(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT, encoding="utf-8")
    assert checks.real_servers(report) == {
        "transformers serve": "1 tests ran",
        "llama-server": "none of its 1 tests ran: it was not built here",
        "transformers in the process": "1 tests ran",
    }
    assert checks.by_contract_only(report) == ("ollama", "openai-strict")
    assert checks.by_contract_only(tmp_path / "none.xml") == ()


def pin_of(name: str) -> str:
    text = (ROOT / "requirements-local.txt").read_text(encoding="utf-8")
    found = re.search(rf"^{name}==\S+$", text, re.MULTILINE)
    assert found
    return found[0]


@pytest.mark.parametrize("name", ["Dockerfile", "docs/operators.md", "requirements-local.txt"])
def test_torch_has_one_version_wherever_it_is_named(name: str) -> None:
    named = re.findall(r"\btorch==\d[\w.]*", (ROOT / name).read_text(encoding="utf-8"))
    assert set(named) == {pin_of("torch")}


def test_the_setup_finds_the_pins_of_what_it_installs_apart() -> None:
    setup = (ROOT / "scripts" / "setup.sh").read_text(encoding="utf-8")
    programs = re.findall(r"\$\(sed -n '(.+?)' requirements-local\.txt\)", setup)
    said = [
        subprocess.run(
            ["sed", "-n", program, "requirements-local.txt"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        for program in programs
    ]
    assert [line.partition("==")[0] for line in said] == ["torch", "torchvision"]
    assert said[0] == f"{pin_of('torch')}\n"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VEDFOLNIR_TEST_CACHE", str(tmp_path))
    return tmp_path


def test_a_server_that_was_not_built_is_named_with_how_to_build_it(cache: Path) -> None:
    with pytest.raises(llama_server.LlamaMissing, match=r"python -m scripts\.llama_server"):
        llama_server.command()


def test_a_server_that_was_built_is_built_once(cache: Path) -> None:
    program = llama_server.program()
    program.parent.mkdir(parents=True)
    program.touch()
    assert llama_server.build() == program
    assert llama_server.command() == [str(program)]


def test_what_is_needed_to_build_it_is_named(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(llama_server.LlamaMissing, match=r"cmake, c\+\+, cc must be installed"):
        llama_server.build()
