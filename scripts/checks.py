"""What scripts/test runs once everything is installed: checks side by side, then the tests on three databases.

    .venv/bin/python -m scripts.checks [pytest arguments]

Prints how long each phase took, and last of all one line with the counts: `412 passed, 0 failed, 3 skipped`. A check
such as `types` counts as one. Before it stands which real servers the tests spoke to. Exits non-zero when anything
failed.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from scripts import services, snac
from vedfolnir.tests import environment

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
PORTABLE = "database and not mariadb and not browser and not services and not once"
PROCESSES = 2

# What `check --deploy` judges is the production shape.
PRODUCTION = {"HTTPS": "true", "BEHIND_PROXY": "true", "REDIS_URL": "redis://127.0.0.1:9/0"}
CHECKS: dict[str, list[list[str]]] = {
    "format": [["ruff", "format", "--check", "."]],
    "lint": [["ruff", "check", "."]],
    "templates": [["djlint", "--check", "."], ["djlint", "--quiet", "--lint", "."]],
    "types": [["mypy"]],
    "layers": [["lint-imports"]],
    "migrations": [["python", "manage.py", "makemigrations", "--check", "--dry-run"]],
    "deployment": [["python", "manage.py", "check", "--deploy", "--fail-level", "WARNING"]],
    "requirements": [["python", "-m", "pip", "check"]],
}


@dataclass(frozen=True)
class Outcome:
    """What a phase came to."""

    name: str
    seconds: float
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    servers: dict[str, str] = field(default_factory=dict)  # by real server, what became of its tests
    imitated: tuple[str, ...] = ()  # engines that were held to servers of our own alone


def run_check(name: str) -> tuple[Outcome, str]:
    """Run the commands of one check; returns what they printed too."""
    started = time.monotonic()
    variables = os.environ | (PRODUCTION if name == "deployment" else {})
    said = ""
    failed = False
    for command in CHECKS[name]:
        done = subprocess.run(
            [str(BIN / command[0]), *command[1:]],
            cwd=ROOT,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        said += done.stdout.decode(errors="replace")
        failed = failed or done.returncode != 0
    return Outcome(name, time.monotonic() - started, passed=int(not failed), failed=int(failed)), said


def run_checks() -> list[Outcome]:
    """Run all checks, a few at a time; the output of those that fail is printed."""
    outcomes = []
    with ThreadPoolExecutor(PROCESSES) as pool:
        for outcome, said in pool.map(run_check, sorted(CHECKS, key=lambda name: name != "types")):
            print(f"{'FAILED' if outcome.failed else 'ok':7}{outcome.name}", flush=True)
            if outcome.failed:
                print(said, flush=True)
            outcomes.append(outcome)
    return outcomes


def run_suite(name: str, needed: Sequence[str], arguments: Sequence[str]) -> Outcome:
    """Run pytest beside the services that it needs, its output going straight to the screen.

    Raises:
        KeyboardInterrupt: somebody pressed Ctrl-C.
    """
    print(f"\n--- {name}", flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="vedfolnir-checks-") as folder, services.running(*needed) as beside:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", f"--junitxml={report}", *arguments]
        status = services.run_command(command, services.environment(beside))
        passed, failed, skipped = count(report)
        servers, imitated = real_servers(report), by_contract_only(report)
        print("\n".join(figures(report)), flush=True)
    failed = failed or int(status != 0)  # pytest itself may fail: nothing collected, a broken plugin
    return Outcome(name, time.monotonic() - started, passed, failed, skipped, servers, imitated)


def count(report: Path) -> tuple[int, int, int]:
    """Passed, failed and skipped tests of a JUnit report; nothing if pytest wrote none."""
    if not report.is_file():
        return 0, 0, 0
    suites = ElementTree.parse(report).getroot().iter("testsuite")  # noqa: S314 - pytest wrote it a moment ago
    counts = [{key: int(suite.get(key, 0)) for key in ("tests", "failures", "errors", "skipped")} for suite in suites]
    failed = sum(suite["failures"] + suite["errors"] for suite in counts)
    skipped = sum(suite["skipped"] for suite in counts)
    return sum(suite["tests"] for suite in counts) - failed - skipped, failed, skipped


def real_servers(report: Path) -> dict[str, str]:
    """By real server that tests of this report are named for, a word on how many ran, or why none did."""
    said = {}
    cases = _cases(report)
    for server, named in _server_names().items():
        chosen = [case for case in cases if named.search(f"{case.get('classname')} {case.get('name')}")]
        skips = [skip for case in chosen if (skip := case.find("skipped")) is not None]
        if len(skips) < len(chosen):
            said[server] = f"{len(chosen) - len(skips)} tests ran"
        elif skips:
            said[server] = f"none of its {len(skips)} tests ran: {skips[0].get('message')}"
    return said


def _server_names() -> dict[str, re.Pattern[str]]:
    """By real server, what the names of its tests contain."""
    snacs = {f"snac {version}": rf"snac[-_]?{version.replace('.', '[._]?')}(?![0-9])" for version in snac.VERSIONS}
    engines = {
        "transformers serve": "transformers[-_]serve",
        "llama-server": "llama[-_]server",
        "transformers in the process": r"test_engines_transformers|\[transformers-real",
    }
    return {server: re.compile(named, re.IGNORECASE) for server, named in (snacs | engines).items()}


def by_contract_only(report: Path) -> tuple[str, ...]:
    """The engines of the contract suite whose server was one of our own, which behaves as documented."""
    names = (str(case.get("name")) for case in _cases(report) if case.find("skipped") is None)
    found = (re.search(r"\[(.+?)-contract-only", name) for name in names)
    return tuple(sorted({match[1] for match in found if match}))


def figures(report: Path) -> list[str]:
    """What tests of this report measured for people to read (vedfolnir/tests/figures.py)."""
    properties = (each for case in _cases(report) for each in case.iter("property"))
    return [str(each.get("value")) for each in properties if each.get("name") == "figures"]


def _cases(report: Path) -> list[ElementTree.Element]:
    if not report.is_file():
        return []
    return list(ElementTree.parse(report).getroot().iter("testcase"))  # noqa: S314 - pytest wrote it a moment ago


def fetch_servers() -> None:
    """Have the real servers at hand, or say which tests will be skipped and why."""
    for version, why in snac.fetch_all().items():
        if why:
            print(f"{'absent':7}snac {version}, so its tests will be skipped: {why}", flush=True)


def run_suites(arguments: Sequence[str]) -> list[Outcome]:
    """The whole suite on MariaDB with Redis, then the portable part on the others; with arguments only the first."""
    spread = [f"--numprocesses={PROCESSES}", "--dist=loadscope", "--quiet"]
    slowest = ["--durations=10", "--durations-min=2"]
    outcomes = [run_suite("MariaDB and Redis", ["mariadb", "redis"], [*spread, *slowest, *arguments])]
    if arguments:
        print("\nWith arguments: not run on SQLite and PostgreSQL.")
        return outcomes
    return [
        *outcomes,
        run_suite("SQLite", [], [*spread, "-m", PORTABLE]),
        run_suite("PostgreSQL", ["postgresql"], [*spread, "-m", PORTABLE]),
    ]


def main(arguments: Sequence[str]) -> int:
    services.end_on_signals()
    os.chdir(ROOT)
    environment.prepare()
    for variable in ("DATABASE_URL", "REDIS_URL"):  # each phase names its own
        os.environ.pop(variable, None)
    try:
        outcomes = run_checks()
        fetch_servers()
        outcomes += run_suites(arguments)
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    except services.ServiceError as error:
        print(error, file=sys.stderr)
        return 1
    print()
    for outcome in outcomes:
        print(f"{outcome.seconds:7.1f} s  {outcome.name}")
    for outcome in outcomes:
        for server, said in outcome.servers.items():
            print(f"Real {server} ({outcome.name}): {said}")
        if outcome.imitated:
            print(f"By contract only, against servers of our own ({outcome.name}): {', '.join(outcome.imitated)}")
    failed = sum(outcome.failed for outcome in outcomes)
    passed, skipped = sum(outcome.passed for outcome in outcomes), sum(outcome.skipped for outcome in outcomes)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
