"""How much of a draft a decision kept, and how long it took: what the figures of production are made of."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from rapidfuzz.distance import Levenshtein

from captions.models import CaptionVersion, Image

LONGEST = timedelta(minutes=30)  # who takes longer did something else meanwhile


@dataclass(frozen=True)
class Measured:
    """What a decision is stored with, by the columns of `caption_versions`."""

    based_on: CaptionVersion | None
    edit_distance: int | None  # code points inserted, removed or replaced; None where there was no draft
    seconds: float | None  # from opening to deciding; None where nobody opened it, or too long ago to mean anything


def measure(draft: CaptionVersion | None, text: str, opened: datetime | None, decided: datetime) -> Measured:
    """Compare the approved `text` with the `draft` that was on the screen, and `decided` with when it was `opened`."""
    distance = None if draft is None else edit_distance(draft.text, text)
    took = decided - opened if opened is not None else None
    counts = took is not None and timedelta(0) <= took <= LONGEST
    return Measured(draft, distance, round(took.total_seconds(), 3) if took is not None and counts else None)


def offered(image: Image) -> list[CaptionVersion]:
    """The machine's texts that the reviewer could choose from: the latest draft, and what was offered beside it."""
    drafts = image.versions.filter(kind=CaptionVersion.Kind.GENERATED).order_by("-pk")[:2]
    latest, before = [*drafts, None, None][:2]
    candidates = image.versions.filter(kind=CaptionVersion.Kind.CANDIDATE, pk__gt=before.pk if before else 0)
    return ([latest] if latest else []) + list(candidates.order_by("pk"))


def edit_distance(one: str, other: str) -> int:
    """The fewest code points to insert, remove or replace (Levenshtein) that make `other` of `one`."""
    return int(Levenshtein.distance(one, other))
