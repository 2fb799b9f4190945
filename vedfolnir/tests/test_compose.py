"""docker-compose.yml and what belongs to it. No container engine is needed: the file is judged by the schema of the
Compose Specification, its commands by the programs that they call."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from celery.bin.base import CLIContext
from celery.bin.celery import celery as celery_command
from django.conf import settings
from gunicorn.config import Config

from vedfolnir import env
from vedfolnir.celery import app
from vedfolnir.tests.compose import VARIABLE, command_of

ROOT = Path(settings.BASE_DIR)
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SCHEMA = Path(__file__).parent / "data" / "compose-spec.json"

SECRET = re.compile(r"SECRET|KEY|PASSWORD|TOKEN|_URL$")


def variables() -> list[re.Match[str]]:
    return [match for match in VARIABLE.finditer(TEXT) if match["name"]]


def example() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {name: value for name, _equals, value in pairs}


def test_the_file_keeps_to_the_compose_specification() -> None:
    validator = jsonschema.Draft7Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(COMPOSE)] == []


def test_the_schema_would_find_a_mistake() -> None:
    validator = jsonschema.Draft7Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert not validator.is_valid({"services": {"web": {"imagee": "x"}}})


def test_production_is_made_of_these_services() -> None:
    always = {name for name, service in SERVICES.items() if not service.get("profiles")}
    assert always == {"web", "worker-io", "worker-captions", "beat", "migrate", "db", "redis"}
    assert {name: SERVICES[name]["profiles"] for name in SERVICES.keys() - always} == {
        "ollama": ["ollama"],
        "tls": ["tls"],
    }


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_service_has_a_health_check_or_runs_once(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    if SERVICES[name].get("restart") == "no":
        assert check == {"disable": True}
    else:
        assert check["test"][0] in {"CMD", "CMD-SHELL"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_whoever_is_waited_for_exists_and_can_say_when_it_is_ready(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        once = SERVICES[other].get("restart") == "no"
        assert how["condition"] == ("service_completed_successfully" if once else "service_healthy")


def is_secret(name: str) -> bool:
    """Whether it must have a value and may have no default: addresses of engines are public, one key is optional."""
    return bool(SECRET.search(name)) and name not in {
        *("OLLAMA_URL", "OPENAI_BASE_URL", "OPENAI_API_KEY", "TORCH_INDEX_URL")
    }


def test_no_secret_has_a_default_value() -> None:
    secrets = [match for match in variables() if is_secret(match["name"])]
    assert "${OPENAI_API_KEY:-}" in {match[0] for match in variables()}
    assert {match["name"] for match in secrets} >= {"SECRET_KEY", "PLATFORM_ENCRYPTION_KEY", "DB_PASSWORD"}
    assert [match[0] for match in secrets if match["kind"] != "?"] == []


def test_no_secret_is_written_into_the_file() -> None:
    literal = {
        f"{name}: {key}"
        for name, service in SERVICES.items()
        for key, value in service.get("environment", {}).items()
        if is_secret(key) and ":?" not in value
    }
    assert literal == set()


def test_the_example_names_every_variable_and_gives_no_secret_a_value() -> None:
    assert set(example()) == {match["name"] for match in variables()}
    assert [name for name, value in example().items() if value and SECRET.search(name) and name != "OLLAMA_URL"] == []


def test_the_example_repeats_the_defaults_of_the_file() -> None:
    defaults = {match["name"]: match["rest"] for match in variables() if match["kind"] == "-"}
    assert {name: example()[name] for name in defaults} == defaults


def test_every_setting_that_operators_are_told_of_reaches_the_services() -> None:
    """But those of the image itself (its folders), and DEBUG, which has no place in production."""
    page = (ROOT / "docs" / "operators.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `([A-Z_]+)` \|", page, re.MULTILINE))
    passed = set(SERVICES["web"]["environment"])
    assert told - passed == {"DEBUG", "STATIC_ROOT", "VEDFOLNIR_DATA_DIR"}
    assert all(SERVICES[name]["environment"] == SERVICES["web"]["environment"] for name in ("worker-io", "beat"))


def test_the_secrets_of_vedfolnir_may_come_from_files_in_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the head of the file and docs/operators.md tell: every required secret of ours has its `_FILE`."""
    environment = SERVICES["web"]["environment"]
    secrets = [name for name, value in environment.items() if ":?" in value and SECRET.search(name)]
    head = TEXT.partition("\nname:")[0]
    for name in secrets:
        assert f"{name}_FILE" in head
        (tmp_path / name).write_text(f"{name} from a file\n", encoding="utf-8")
        monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(f"{name}_FILE", str(tmp_path / name))
        assert env.text(name) == f"{name} from a file"
    assert len(secrets) == 4


def test_web_is_reached_from_this_machine_only() -> None:
    assert [port.partition(":")[0] for port in SERVICES["web"]["ports"]] == ["127.0.0.1"]
    assert [name for name in SERVICES if "ports" in SERVICES[name]] == ["web", "tls"]


def test_gunicorn_understands_the_command_of_web() -> None:
    program, application, *options = command_of("web")
    assert (program, application) == ("gunicorn", "vedfolnir.wsgi:application")
    config = Config()
    for name, value in vars(config.parser().parse_args(options)).items():
        if value is not None and name in config.settings:
            config.set(name, value)
    assert (config.workers, config.threads, config.address) == (2, 8, [("0.0.0.0", 8000)])


@pytest.mark.parametrize(("name", "queues"), [("worker-io", ["io"]), ("worker-captions", ["captions"])])
def test_celery_understands_the_commands_of_the_workers(name: str, queues: list[str]) -> None:
    options = celery_options(command_of(name))
    assert options["queues"] == queues
    assert options["hostname"].partition("@")[0] == queues[0] == SERVICES[name]["healthcheck"]["test"][-1]


def test_the_workers_empty_every_queue_that_tasks_are_sent_to() -> None:
    routed = {route["queue"] for route in settings.CELERY_TASK_ROUTES.values()} | {settings.CELERY_TASK_DEFAULT_QUEUE}
    emptied = {
        queue for name in ("worker-io", "worker-captions") for queue in celery_options(command_of(name))["queues"]
    }
    assert routed == emptied


def test_celery_understands_the_command_of_beat() -> None:
    options = celery_options(command_of("beat"))
    assert options["schedule"] == SERVICES["beat"]["healthcheck"]["test"][-1]


def celery_options(words: list[str]) -> dict[str, Any]:
    """What Celery's own command line makes of the words; it leaves with an error for what it does not know."""
    assert words[:3] == ["celery", "-A", "vedfolnir"]
    name, *rest = words[3:]
    context = CLIContext(app=app, no_color=True, workdir=None)
    with celery_command.commands[name].make_context(name, rest, obj=context) as parsed:
        return dict(parsed.params)


@pytest.mark.services
def test_mariadb_understands_the_options_of_db() -> None:
    program = shutil.which("mariadbd", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    assert program, "install mariadb-server-core"
    command = [program, "--no-defaults", "--user=mysql", *command_of("db"), "--verbose", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, "[ERROR]" in done.stderr) == (0, False), done.stderr
    shown = dict(re.findall(r"^(\S+) +(\S+)$", done.stdout, re.MULTILINE))
    assert shown["collation-server"] == "utf8mb4_unicode_ci"
    assert shown["transaction-isolation"] == "READ-COMMITTED"


def test_the_dockerfile_runs_without_root_and_starts_what_compose_starts() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert "USER vedfolnir" in lines
    command = json.loads(next(line for line in lines if line.startswith("CMD ")).removeprefix("CMD "))
    assert command[:3] == command_of("web")[:3]


def test_the_image_holds_what_its_commands_name() -> None:
    kept = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    scripts = {
        word for service in SERVICES.values() for word in service["healthcheck"].get("test", []) if ".py" in word
    }
    named = {shlex.split(word)[0] for word in scripts} | {"manage.py"}
    assert {f"!{name}" for name in named} <= set(kept)
