"""Reading an evaluation set: a folder of pictures with texts that people wrote for them.

    harbour.jpg
    harbour.txt     reference texts, an empty line between two
    harbour.json    optional: {"language": "de", "visible_text": "…", "post": "…"}

`visible_text` is what a reader must be told of the words in the picture; without it nothing is said about them.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".gif", ".webp", ".avif", ".bmp", ".tif", ".tiff"})
FACTS = ("language", "visible_text", "post")


class SetUnusable(Exception):
    """The folder is no evaluation set; the text says what to change."""


@dataclass(frozen=True)
class Example:
    """One picture of a set."""

    name: str
    path: Path
    references: tuple[str, ...]
    language: str = "en"
    visible_text: str = ""
    post: str = ""


def read_set(folder: Path) -> list[Example]:
    """The pictures of `folder` by name, each with its references. Raises SetUnusable."""
    if not folder.is_dir():
        raise SetUnusable(f"{folder} is not a folder. Name one that holds pictures and, beside each, a .txt file.")
    pictures = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    if not pictures:
        raise SetUnusable(f"{folder} holds no pictures ({', '.join(sorted(SUFFIXES))}).")
    twice = {path.stem for path in pictures if sum(other.stem == path.stem for other in pictures) > 1}
    if twice:
        raise SetUnusable(f"Several pictures share a name, so that their texts cannot be told apart: {min(twice)}.")
    return [_example(path) for path in pictures]


def _example(path: Path) -> Example:
    texts = _text(path.with_suffix(".txt"))
    references = tuple(" ".join(part.split()) for part in texts.split("\n\n") if part.strip())
    if not references:
        raise SetUnusable(f"{path.with_suffix('.txt')} holds no text. Write at least one reference for {path.name}.")
    return Example(path.name, path, references, **_facts(path.with_suffix(".json")))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").replace("\r\n", "\n")
    except FileNotFoundError as error:
        raise SetUnusable(f"{path} is missing: every picture needs its reference texts beside it.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise SetUnusable(f"{path} cannot be read: {error}.") from error


def _facts(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    try:
        found: Any = json.loads(_text(path))
    except json.JSONDecodeError as error:
        raise SetUnusable(f"{path} is not JSON: {error}.") from error
    if not isinstance(found, dict) or any(not isinstance(value, str) for value in found.values()):
        raise SetUnusable(f"{path} must be an object of texts, with some of these names: {', '.join(FACTS)}.")
    if unknown := found.keys() - set(FACTS):
        raise SetUnusable(f"{path} names {min(unknown)}, which is not one of {', '.join(FACTS)}.")
    return found
