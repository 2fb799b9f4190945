"""What the settings are behind HTTPS, in a process of their own."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings

READ = """
import json
from vedfolnir import settings
names = [name for name in dir(settings) if name.startswith("SECURE_") or name.endswith("_COOKIE_SECURE")]
print(json.dumps({name: getattr(settings, name) for name in names}))
"""
REDIS = "redis://:secret@redis.example:6379/0"


def start(*argv: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "HTTPS"} | variables
    command = [sys.executable, *argv]
    return subprocess.run(command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, check=False)


def read(**variables: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(start("-c", READ, **variables).stdout)
    return found


@pytest.mark.parametrize("variables", [{"REDIS_URL": REDIS}, {"REDIS_URL": "", "HTTPS": "true"}])
def test_cookies_and_pages_go_by_https_alone(variables: dict[str, str]) -> None:
    found = read(**variables)
    assert found["SESSION_COOKIE_SECURE"] is True
    assert found["CSRF_COOKIE_SECURE"] is True
    assert found["SECURE_SSL_REDIRECT"] is True
    assert found["SECURE_HSTS_SECONDS"] == 365 * 24 * 3600


def test_hsts_speaks_for_other_hosts_only_when_it_is_told_to() -> None:
    found = read(HTTPS="true")
    assert (found["SECURE_HSTS_INCLUDE_SUBDOMAINS"], found["SECURE_HSTS_PRELOAD"]) == (False, False)
    found = read(HTTPS="true", HSTS_SUBDOMAINS="true")
    assert (found["SECURE_HSTS_INCLUDE_SUBDOMAINS"], found["SECURE_HSTS_PRELOAD"]) == (True, True)


def test_the_embedded_set_up_is_reached_without_https() -> None:
    found = read(REDIS_URL="")
    assert (found["SESSION_COOKIE_SECURE"], found["SECURE_SSL_REDIRECT"], found["SECURE_HSTS_SECONDS"]) == (
        False,
        False,
        0,
    )


def test_djangos_check_for_production_finds_nothing() -> None:
    done = start("manage.py", "check", "--deploy", "--fail-level=WARNING", HTTPS="true")
    assert (done.returncode, "0 silenced" not in done.stdout) == (0, True), done.stderr
