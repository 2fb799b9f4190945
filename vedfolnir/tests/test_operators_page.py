"""docs/operators.md tells every command and every variable, and none that does not exist."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands

from vedfolnir import env

PAGE = (settings.BASE_DIR / "docs" / "operators.md").read_text(encoding="utf-8")
APPS = ("accounts", "platforms", "captions", "processing", "vedfolnir")
COMMANDS = sorted(name for name, app in get_commands().items() if str(app).partition(".")[0] in APPS)
READ = re.compile(r'\b(?:text|flag|number|words)\(\s*"([A-Z_]+)"')


def variables() -> list[str]:
    sources = [settings.BASE_DIR / "vedfolnir" / "settings.py", Path(env.__file__)]
    return sorted({name for source in sources for name in READ.findall(source.read_text(encoding="utf-8"))})


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_told(command: str) -> None:
    assert re.search(rf"^\|.*`{command}\b", PAGE, re.MULTILINE)


@pytest.mark.parametrize("variable", variables())
def test_every_variable_is_told(variable: str) -> None:
    assert f"| `{variable}` |" in PAGE


def test_no_variable_is_told_that_nothing_reads() -> None:
    assert sorted(re.findall(r"^\| `([A-Z_]+)` \|", PAGE, re.MULTILINE)) == variables()
