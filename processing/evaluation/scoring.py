"""The figures of one engine on one set."""

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from captions.checks import Finding
from captions.checks.around import units
from captions.measuring import edit_distance
from processing.evaluation.cider import cider
from processing.evaluation.sets import Example


@dataclass(frozen=True)
class Outcome:
    """What an engine made of one picture: a text with its facts, or the reason why there is none."""

    example: Example
    text: str = ""
    failure: str = ""
    findings: Sequence[Finding] = ()
    score: int | None = None
    model: str = ""
    prompt_version: str = ""
    seconds: float = 0.0
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost: Decimal | None = None

    @property
    def coverage(self) -> float | None:
        """The share of the words in the picture that the text holds; None where the set does not name them.

        Of scripts that do not set words apart, the share of the characters.
        """
        wanted = Counter(units(self.example.visible_text))
        if not wanted:
            return None
        return (wanted & Counter(units(self.text))).total() / wanted.total()

    @property
    def distance(self) -> float | None:
        """Edit distance to the nearest reference, as a share of the longer text: 0 is equal, 1 nothing in common."""
        if self.failure:
            return None
        return min(edit_distance(self.text, one) / max(len(self.text), len(one), 1) for one in self.example.references)

    def as_json(self) -> dict[str, Any]:
        if self.failure:
            return {"picture": self.example.name, "failure": self.failure, "seconds": self.seconds}
        return {
            "picture": self.example.name,
            "text": self.text,
            "score": self.score,
            "findings": [finding.code for finding in self.findings],
            "coverage": _rounded(self.coverage),
            "distance": _rounded(self.distance),
            "seconds": round(self.seconds, 3),
            "tokens_in": self.tokens_in,
            "tokens_out": self.tokens_out,
            "cost": None if self.cost is None else str(self.cost),
        }


@dataclass(frozen=True)
class Report:
    """What one variant (an engine, with a prompt) came to. Figures that nothing is known of are None."""

    variant: str
    outcomes: Sequence[Outcome]
    cider: float | None = field(default=None)

    @classmethod
    def of(cls, variant: str, outcomes: Sequence[Outcome]) -> "Report":
        return cls(variant, outcomes, _cider(outcomes))

    @property
    def drafted(self) -> list[Outcome]:
        return [one for one in self.outcomes if not one.failure]

    @property
    def findings(self) -> dict[str, int]:
        """In how many texts each finding was made, the commonest first."""
        counted = Counter(code for one in self.drafted for code in {finding.code for finding in one.findings})
        return dict(counted.most_common())

    def figures(self) -> dict[str, float | int | str | None]:
        """Names as in the table and in JSON. Means are over the pictures that were drafted."""
        done = self.drafted
        severities = Counter(finding.severity for one in done for finding in one.findings)
        costs = [one.cost for one in done]
        known = [cost for cost in costs if cost is not None]
        return {
            "pictures": len(self.outcomes),
            "drafted": len(done),
            "failed": len(self.outcomes) - len(done),
            "visible text carried": _mean([one.coverage for one in done]),
            "edit distance to reference": _mean([one.distance for one in done]),
            "CIDEr": _rounded(self.cider),
            "score": _mean([one.score for one in done], 1),
            "blockers": severities["blocker"],
            "major findings": severities["major"],
            "minor findings": severities["minor"],
            "seconds a picture, median": _rounded(statistics.median([one.seconds for one in done])) if done else None,
            "seconds a picture, slowest": _rounded(max((one.seconds for one in done), default=None)),
            "tokens in a picture": _mean([one.tokens_in for one in done], 1),
            "tokens out a picture": _mean([one.tokens_out for one in done], 1),
            "cost a picture": str(round(sum(known, Decimal(0)) / len(known), 6))
            if known and None not in costs
            else None,
        }

    def as_json(self) -> dict[str, Any]:
        return {
            "variant": self.variant,
            "models": sorted({one.model for one in self.drafted if one.model}),
            "prompt_versions": sorted({one.prompt_version for one in self.drafted if one.prompt_version}),
            "figures": self.figures(),
            "findings": self.findings,
            "pictures": [one.as_json() for one in self.outcomes],
        }


def _cider(outcomes: Sequence[Outcome]) -> float | None:
    """The mean over all pictures, where a failure counts as an empty text; None with fewer than two, or no text."""
    if len(outcomes) < 2 or all(one.failure for one in outcomes):
        return None
    return statistics.mean(cider([one.text for one in outcomes], [one.example.references for one in outcomes]))


def _mean(values: Sequence[float | None], digits: int = 3) -> float | None:
    known = [value for value in values if value is not None]
    return round(statistics.mean(known), digits) if known else None


def _rounded(value: float | None, digits: int = 3) -> float | None:
    return None if value is None else round(value, digits)
