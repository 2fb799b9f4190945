"""The commands of docker-compose.yml, to be run as they stand there."""

import shlex
from pathlib import Path
from typing import Any

import yaml

from vedfolnir.tests.live import ROOT


def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return found


def command_of(service: str, *, bind: str = "", schedule: Path | None = None) -> list[str]:
    """A service's command word for word, but for the address that it listens on and where beat keeps its clock."""
    command = services()[service]["command"]
    words = shlex.split(command) if isinstance(command, str) else [str(word) for word in command]
    for option, value in (("--bind", bind), ("--schedule", schedule)):
        if value and option in words:
            words[words.index(option) + 1] = str(value)
        elif value and any(word.startswith(f"{option}=") for word in words):
            words = [f"{option}={value}" if word.startswith(f"{option}=") else word for word in words]
    return words
