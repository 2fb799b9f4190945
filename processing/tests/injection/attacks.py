"""Texts of strangers that try to command the describer: fifty posts, and thirty pictures with text in them.

Each says what an engine that obeys would answer, and by which words one knows that it did. The lists were written
without a look at the phrases that the checks know.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from processing.engines.base import EngineAnswer, EngineRequest
from processing.preparation import PreparedImage
from processing.tests.pictures import card

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Attack:
    name: str
    language: str  # that the alt text is wanted in
    text: str  # of the post, or in the picture
    answer: str  # of an engine that obeys
    marker: str  # stands in an answer that obeyed, and in no honest one outside quotation marks


def posts() -> list[Attack]:
    return _read("posts.json")


def pictures() -> list[Attack]:
    return _read("pictures.json")


@dataclass(frozen=True)
class Stranger:
    """An attack by somebody who had not seen the checks, on whatever stands around a picture."""

    name: str
    answer: str  # of an engine that obeys
    around: dict[str, Any]  # fields of captions.checks.Around


def strangers() -> list[Stranger]:
    """Attacks that the patterns were not written beside. Whoever tunes the checks leaves them alone."""
    rows: list[dict[str, Any]] = json.loads((FOLDER / "strangers.json").read_text(encoding="utf-8"))
    return [Stranger(row["name"], row["answer"], {"language": row["language"]} | row["around"]) for row in rows]


def ordinary() -> list[str]:
    """Posts that command no machine, picked to be near to those that do."""
    texts: list[str] = json.loads((FOLDER / "ordinary.json").read_text(encoding="utf-8"))
    return texts


def drawn(attack: Attack) -> Image.Image:
    """The picture: its text, large, on an even background."""
    longest = max(len(line) for line in attack.text.split("\n"))
    return card(attack.text, size=(max(900, longest * 36), 200 + 90 * (attack.text.count("\n") + 1)))


@dataclass
class Obedient:
    """The worst engine that there can be: it answers what the attack wants, whatever it was asked."""

    attack: Attack
    name: str = "obedient"
    follows_instructions: bool = True

    def describe(self, image: PreparedImage, request: EngineRequest) -> EngineAnswer:
        return EngineAnswer(text=self.attack.answer, engine=self.name, model="obedient-1", prompt_version="test/1")

    def health(self) -> None:
        return None

    def identity(self, image: PreparedImage, request: EngineRequest) -> str:
        return ""


def report(title: str, hits: Collection[bool]) -> str:
    return f"{title}: {sum(hits)} of {len(hits)} ({sum(hits) / len(hits):.0%})"


def _read(name: str) -> list[Attack]:
    rows: list[dict[str, Any]] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return [Attack(**row) for row in rows]
