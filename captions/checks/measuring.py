"""How well the checks find what people labelled: precision and recall for each finding and language.

The texts are in `captions/checks/labelled/`; its README says who wrote them and what that proves.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from captions.checks import Around, Term, check

FOLDER = Path(__file__).parent / "labelled"
HALVES = ("tuned", "held_out", "strangers")
ALL = "all"
_DEFAULTS: dict[str, Any] = {"limit": 1500, "engine": "ollama"}


@dataclass(frozen=True)
class Labelled:
    """A text, what is around it, and the codes of exactly the findings that a person sees in it."""

    text: str
    language: str
    around: Around
    codes: frozenset[str]


@dataclass
class Count:
    """Of one finding in one language."""

    found: int = 0  # rightly
    false: int = 0  # where nobody sees it
    missed: int = 0

    @property
    def precision(self) -> float | None:
        """0 to 1; None if it was never found."""
        return self.found / (self.found + self.false) if self.found + self.false else None

    @property
    def recall(self) -> float | None:
        """0 to 1; None if there is none to find."""
        return self.found / (self.found + self.missed) if self.found + self.missed else None

    def as_json(self) -> dict[str, Any]:
        return {
            "found": self.found,
            "false": self.false,
            "missed": self.missed,
            "precision": self.precision,
            "recall": self.recall,
        }


@dataclass
class Measured:
    """Counts by language and code; "all" stands for every language, and for every code."""

    texts: int = 0
    clean: int = 0  # texts without anything labelled, and without any finding
    good: int = 0  # texts without anything labelled
    counts: dict[tuple[str, str], Count] = field(default_factory=dict)
    mistakes: list[tuple[Labelled, frozenset[str]]] = field(default_factory=list)  # with the codes that were found

    def add(self, labelled: Labelled, found: frozenset[str]) -> None:
        self.texts += 1
        self.good += not labelled.codes
        self.clean += not labelled.codes and not found
        if found != labelled.codes:
            self.mistakes.append((labelled, found))
        for code in found | labelled.codes:
            for place in ((labelled.language, code), (ALL, code), (labelled.language, ALL), (ALL, ALL)):
                count = self.counts.setdefault(place, Count())
                count.found += code in found and code in labelled.codes
                count.false += code not in labelled.codes
                count.missed += code not in found


def labelled_texts(half: str, folder: Path = FOLDER) -> Iterator[Labelled]:
    """The texts of one half, "tuned" or "held_out", or those of "strangers"; the name of a file is the language."""
    for path in sorted((folder / half).glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            around = _around(path.stem, row.get("around", {}))
            yield Labelled(row["text"], path.stem, around, frozenset(row["codes"]))


def measure(texts: Iterable[Labelled]) -> Measured:
    """Check every text and count."""
    measured = Measured()
    for labelled in texts:
        measured.add(labelled, frozenset(finding.code for finding in check(labelled.text, labelled.around)))
    return measured


def table(measured: Measured) -> list[str]:
    """Lines to print: precision and recall of each finding, over all languages and in each."""
    languages = [ALL, *sorted({language for language, _code in measured.counts} - {ALL})]
    codes = [ALL, *sorted({code for _language, code in measured.counts} - {ALL})]
    width = max(map(len, codes), default=0)
    lines = [f"{'':{width}}  " + "  ".join(f"{language:^13}" for language in languages)]
    lines.append(f"{'finding':{width}}  " + "  ".join("prec.  recall" for _language in languages))
    for code in codes:
        cells = (measured.counts.get((language, code), Count()) for language in languages)
        lines.append(
            f"{code:{width}}  " + "  ".join(f"{_share(cell.precision)}  {_share(cell.recall)} " for cell in cells)
        )
    return lines


def _share(value: float | None) -> str:
    return "  –  " if value is None else f"{value:5.2f}"


def _around(language: str, fields: dict[str, Any]) -> Around:
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    if "glossary" in values:
        values["glossary"] = tuple(Term(**term) for term in values["glossary"])
    return Around(**{"language": language, **_DEFAULTS, **values})
