"""The commands of docker-compose.yml, to be run as they stand there."""

import re
from pathlib import Path
from typing import Any

import yaml

from vedfolnir.tests.live import ROOT

VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\})")


def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    return found


def filled_in(text: str) -> str:
    """The text with its variables replaced as Compose does it, by their defaults or by `x`."""

    def value(match: re.Match[str]) -> str:
        if not match["name"]:
            return "$"
        return match["rest"] if match["kind"] == "-" else "x"

    return VARIABLE.sub(value, text)


def command_of(service: str, *, bind: str = "", state: Path | None = None) -> list[str]:
    """A service's command word for word, but for where it listens (`bind`) and where beat keeps its files (`state`)."""
    words = [filled_in(str(word)) for word in services()[service]["command"]]
    instead = {"--bind": bind, "--schedule": state and state / "beat", "--pidfile": state and state / "beat.pid"}
    for number, word in enumerate(words):
        option, equals, _value = word.partition("=")
        if equals and instead.get(option):
            words[number] = f"{option}={instead[option]}"
    return words
