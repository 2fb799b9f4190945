"""A malformed setting stops the start with one line that says what to do."""

import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from processing import engine_names
from processing.engines import engine_names as names_that_can_be_built

ROOT = Path(settings.BASE_DIR)
KEPT = ("PATH", "HOME", "SECRET_KEY", "PLATFORM_ENCRYPTION_KEY")


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the settings read: the keys and an empty data folder, nothing else."""
    values = {name: os.environ[name] for name in KEPT if name in os.environ} | {"VEDFOLNIR_DATA_DIR": str(tmp_path)}
    monkeypatch.setattr(os, "environ", values)
    return values


def read_settings() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "vedfolnir" / "settings.py"))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SECRET_KEY", "short", "SECRET_KEY has 5 characters; at least 32"),
        ("ALLOWED_HOSTS", "", "ALLOWED_HOSTS is empty"),
        ("ALLOWED_HOSTS", " , ", "ALLOWED_HOSTS is empty"),
        ("ALLOWED_HOSTS", "https://captions.example.org", "without https://"),
        (
            "CAPTION_ENGINE",
            "nonsense",
            "no caption engine “nonsense”. Known are: auto, basic, ollama, openai, transformers.",
        ),
        ("CAPTION_ENGINE", "ollama,nonsense", "no caption engine “nonsense”"),
        ("CAPTION_ENGINE", "auto,basic", "“auto” chooses by itself"),
        ("CAPTION_ENGINE", ",", "No caption engine is named. Known are: auto, basic, ollama, openai, transformers."),
        ("CAPTION_LANGUAGE", "German", "CAPTION_LANGUAGE is 'German'. Use the code of a language"),
        ("OLLAMA_URL", "localhost:11434", "OLLAMA_URL .* Use one such as http://127.0.0.1:11434"),
        ("OLLAMA_URL", "ftp://localhost", "Only addresses that begin with https:// or http://"),
        ("OLLAMA_URL", "http://localhost:x", "OLLAMA_URL .* port"),
        ("CAPTION_ENGINE", "openai,basic", "OPENAI_BASE_URL, where pictures go, is not set. Use one such as"),
        ("OPENAI_BASE_URL", "localhost:8000/v1", "OPENAI_BASE_URL is not the address of a server: .*Use one such as"),
        ("OPENAI_BASE_URL", "https://me:geheim@host/v1", "OPENAI_BASE_URL .* user name or password"),
        ("OPENAI_BASE_URL", "https://host/v1/chat/completions", "OPENAI_BASE_URL must end before the name of a call"),
        ("OPENAI_BASE_URL", "https://host/v1?api-version=1", "OPENAI_BASE_URL must end before"),
        ("OPENAI_BASE_URL", "https://api.openai.com/v1", "Name the one to use as OPENAI_MODEL"),
        ("OPENAI_API_KEY", "sk-geheim two", "OPENAI_API_KEY contains blanks"),
        ("CAPTION_STRUCTURED", "maybe", "CAPTION_STRUCTURED is 'maybe'. Use true or false."),
        ("OUTBOUND_ALLOW", "a b/c", "OUTBOUND_ALLOW .*'a b/c' is not host or host:port"),
        ("OUTBOUND_ALLOW", "ok.example,host:99999", "'host:99999' is not host or host:port"),
        ("REDIS_URL", "http://x", "REDIS_URL .* Use redis://"),
        ("REDIS_URL", "redis://", "REDIS_URL .* Use redis://"),
        ("REDIS_URL", "unix://", "REDIS_URL .* unix:///path/to/redis.sock"),
        ("REDIS_URL", "redis://host:x/0", "REDIS_URL .* Use redis://"),
        ("SWEEP_SECONDS", "0", "SWEEP_SECONDS is '0'. Use a whole number from 1 to 3600."),
        ("SWEEP_SECONDS", "-3", "Use a whole number from 1 to 3600."),
        ("SWEEP_SECONDS", "often", "Use a whole number from 1 to 3600."),
        ("ENGINE_TIMEOUT", "0", "ENGINE_TIMEOUT is '0'. Use a whole number from 5 to 3600."),
        ("LEASE_SECONDS", "99999999", "LEASE_SECONDS .* whole number from 0 to 86400"),
        ("CONN_MAX_AGE", "1e9", "CONN_MAX_AGE .* whole number from 0 to 86400"),
        ("DATABASE_URL", "mysql://u:p@h:x/y", "DATABASE_URL cannot be read.*mysql://user:password@host/name"),
        ("DATABASE_URL", "postgres://u:p@h:99999/y", "DATABASE_URL cannot be read"),
        ("DATABASE_URL", "mysql://u:p@h/", "DATABASE_URL cannot be read"),
        ("LOG_LEVEL", "LOUD", "LOG_LEVEL is 'LOUD'. Use one of DEBUG, INFO, WARNING, ERROR, CRITICAL."),
    ],
)
def test_a_malformed_setting_is_named_with_what_to_do(
    environment: dict[str, str], name: str, value: str, said: str
) -> None:
    environment[name] = value
    with pytest.raises(ImproperlyConfigured, match=said) as raised:
        read_settings()
    assert "\n" not in str(raised.value)
    assert "geheim" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "used"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/v1"),
        ("https://host.example/openai/v1/", "https://host.example/openai/v1"),
    ],
)
def test_the_address_of_a_model_server_needs_no_path(environment: dict[str, str], url: str, used: str) -> None:
    environment |= {"OPENAI_BASE_URL": url, "CAPTION_ENGINE": "openai"}
    assert read_settings()["OPENAI_BASE_URL"] == used


def test_the_key_of_a_model_server_may_come_from_a_file(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-from-a-file\n", encoding="utf-8")
    environment["OPENAI_API_KEY_FILE"] = str(tmp_path / "key")
    assert read_settings()["OPENAI_API_KEY"] == "sk-from-a-file"


@pytest.mark.parametrize("url", ["mysql://u:geheim@h:x/y", "redis-tls://:geheim@h/0"])
def test_a_malformed_address_is_not_repeated_with_its_password(environment: dict[str, str], url: str) -> None:
    environment["DATABASE_URL" if url.startswith("mysql") else "REDIS_URL"] = url
    with pytest.raises(ImproperlyConfigured) as raised:
        read_settings()
    assert "geheim" not in str(raised.value)


@pytest.mark.parametrize("content", [b"LOG_LEVEL=INFO\nSECRET_KEY: geheim\n", b"# fine\n\xff\xfe\n"])
def test_a_garbage_line_in_the_file_is_told(environment: dict[str, str], tmp_path: Path, content: bytes) -> None:
    (tmp_path / "env").write_bytes(content)
    with pytest.raises(ImproperlyConfigured) as raised:
        read_settings()
    assert str(tmp_path / "env") in str(raised.value)
    assert "geheim" not in str(raised.value)


def test_what_is_set_but_empty_has_its_default(environment: dict[str, str]) -> None:
    """As a compose file passes on what nobody set."""
    names = ("CAPTION_ENGINE", "OLLAMA_URL", "LOG_LEVEL", "DATABASE_URL", "REDIS_URL", "OUTBOUND_ALLOW")
    environment |= dict.fromkeys((*names, "SWEEP_SECONDS"), "")
    read = read_settings()
    assert (read["CAPTION_ENGINE"], read["OLLAMA_URL"]) == ("auto", "http://127.0.0.1:11434")
    assert read["DATABASES"]["default"]["ENGINE"] == "django.db.backends.sqlite3"
    assert (read["LOGGING"]["root"]["level"], read["SWEEP_SECONDS"], read["OUTBOUND_ALLOW"]) == ("INFO", 3, ())


def test_good_values_are_taken(environment: dict[str, str]) -> None:
    environment |= {
        "CAPTION_ENGINE": "ollama, basic",
        "LOG_LEVEL": "debug",
        "REDIS_URL": "rediss://:secret@redis.example:6380/1",
        "OUTBOUND_ALLOW": "127.0.0.1:8400,[::1]:8400,intern.example",
        "HTTPS": "false",
    }
    read = read_settings()
    assert read["CAPTION_ENGINE"] == "ollama, basic"
    assert read["LOGGING"]["root"]["level"] == "DEBUG"
    assert read["REDIS_URL"] == environment["REDIS_URL"]
    assert len(read["OUTBOUND_ALLOW"]) == 3


@pytest.mark.parametrize(
    ("url", "broker"),
    [
        ("rediss://:secret@redis.example:6380/1", "rediss://:secret@redis.example:6380/1"),
        ("unix:///run/redis.sock", "redis+socket:///run/redis.sock?virtual_host=0"),
        ("unix://:secret@/run/redis.sock?db=3", "redis+socket://:secret@/run/redis.sock?virtual_host=3"),
    ],
)
def test_cache_and_broker_mean_the_same_redis(environment: dict[str, str], url: str, broker: str) -> None:
    environment["REDIS_URL"] = url
    read = read_settings()
    assert (read["CACHES"]["default"]["LOCATION"], read["CELERY_BROKER_URL"]) == (url, broker)


def test_the_names_of_the_engines_are_those_that_can_be_built() -> None:
    assert sorted(engine_names.NAMES) == names_that_can_be_built()


# What an operator sees


def start(environment: dict[str, str], *argv: str) -> tuple[int, str]:
    done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout + done.stderr


def test_a_command_says_it_in_one_line(environment: dict[str, str]) -> None:
    environment["CAPTION_ENGINE"] = "nonsense"
    status, said = start(environment, sys.executable, "manage.py", "serve")
    assert status == 1
    assert said.startswith("Vedfolnir is not configured: CAPTION_ENGINE is 'nonsense'.")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "argv",
    [
        ["gunicorn", "--check-config", "vedfolnir.wsgi:application"],
        ["celery", "--app=vedfolnir", "worker"],
    ],
)
def test_web_and_worker_end_with_the_same_line(environment: dict[str, str], argv: list[str]) -> None:
    environment["CAPTION_ENGINE"] = "nonsense"
    status, said = start(environment, sys.executable, "-m", *argv)
    assert status != 0
    assert "ImproperlyConfigured: CAPTION_ENGINE is 'nonsense'. There is no caption engine" in said


def test_reading_the_settings_loads_no_engine(environment: dict[str, str]) -> None:
    code = (
        "import sys, vedfolnir.settings; print([n for n in ('processing.engines', 'numpy', 'PIL') if n in sys.modules])"
    )
    assert start(environment, sys.executable, "-c", code) == (0, "[]\n")
