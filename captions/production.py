"""How drafts fare with reviewers, by what made them: counted in SQL from the decisions that are stored anyway.

Counted are decisions that stand: an approval that was taken back is none, and what followed it counts instead. No more
than the latest COUNTED_MOST are looked at, so that the page takes no longer where there are a million.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db.models import Avg, Count, Exists, F, Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Greatest, Length
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from captions.models import CaptionVersion, Image

PERIODS = (7, 30, 90, 365)  # days
COUNTED_MOST = 20_000  # approvals, and as many rejections

_MAKER = ("engine", "model", "prompt_version", "language")


class Change(StrEnum):
    """How much of a draft a reviewer changed, in code points of the longer text."""

    NONE = "none"
    LITTLE = "little"
    SOME = "some"
    MUCH = "much"


CHANGES: dict[Change, tuple[float, StrOrPromise]] = {  # up to which share of the text
    Change.NONE: (0.0, _("Unchanged")),
    Change.LITTLE: (0.2, _("Up to a fifth")),
    Change.SOME: (0.6, _("Up to three fifths")),
    Change.MUCH: (float("inf"), _("More")),
}


@dataclass(frozen=True)
class Maker:
    """What made a draft."""

    engine: str
    model: str
    prompt: str
    language: str


@dataclass
class Fate:
    """What became of the drafts of one maker in a period."""

    maker: Maker
    approved: int = 0
    rejected: int = 0
    changed: dict[Change, int] = field(default_factory=dict)  # of those approved
    distance: float | None = None  # mean edit distance, in code points
    timed: int = 0  # approvals whose time is known
    seconds: float | None = None  # their mean

    @property
    def unchanged_share(self) -> float | None:
        """Of all decisions on these drafts, how many took the text as it was. None without any."""
        decided = self.approved + self.rejected
        return self.changed.get(Change.NONE, 0) / decided if decided else None


def counted_since(days: int) -> datetime:
    """From when on decisions are counted: of the last `days`, no more than COUNTED_MOST of a kind.

    Later than the period begins where there were more: then both kinds are counted from the same moment.
    """
    since = timezone.now() - timedelta(days=days)
    approved = CaptionVersion.objects.filter(kind=CaptionVersion.Kind.FINAL, created_at__gte=since)
    rejected = Image.objects.filter(status=Image.Status.REJECTED, reviewed_at__gte=since)
    latest = (
        approved.order_by("-created_at").values_list("created_at", flat=True),
        rejected.order_by("-reviewed_at").values_list("reviewed_at", flat=True),
    )
    return max(
        [since, *(moment for moments in latest for moment in moments[COUNTED_MOST - 1 : COUNTED_MOST] if moment)]
    )


def is_cut(days: int, since: datetime) -> bool:
    """Whether `since`, of `counted_since`, leaves out a part of the period."""
    return since > timezone.now() - timedelta(days=days) + timedelta(minutes=1)


def fates(days: int) -> list[Fate]:
    """Every maker whose drafts were decided in the last `days`, the one with most decisions first."""
    since = counted_since(days)
    found: dict[Maker, Fate] = {}
    for row in _approvals(since):
        maker = _maker(row, "based_on__")
        fate = found.setdefault(maker, Fate(maker))
        fate.approved = row["approved"]
        fate.changed = {change: row[change.value] for change in Change}
        fate.distance, fate.timed, fate.seconds = row["distance"], row["timed"], row["took"]
    for row in _rejections(since):
        maker = _maker(row)
        found.setdefault(maker, Fate(maker)).rejected = row["rejected"]
    return sorted(
        found.values(), key=lambda fate: (-fate.approved - fate.rejected, fate.maker.engine, fate.maker.model)
    )


@dataclass(frozen=True)
class Undrafted:
    """Approvals that say nothing of a draft, since none was in the box."""

    reviewed_again: int  # the text that had been approved before was
    without_draft: int  # a person wrote it from nothing


def decided_without_draft(days: int) -> Undrafted:
    """The approvals of the last `days` that no maker's figures hold."""
    since = counted_since(days)
    before = CaptionVersion.objects.filter(
        kind=CaptionVersion.Kind.FINAL, image=OuterRef("image"), pk__lt=OuterRef("pk")
    )
    counted = _standing(since).filter(edit_distance=None).annotate(is_again=Exists(before))
    found = counted.aggregate(again=Count("pk", filter=Q(is_again=True)), new=Count("pk", filter=Q(is_again=False)))
    return Undrafted(found["again"], found["new"])


def _standing(since: datetime) -> QuerySet[CaptionVersion]:
    """The last approval of each picture that is still approved, or published."""
    finals = CaptionVersion.objects.filter(kind=CaptionVersion.Kind.FINAL)
    later = finals.filter(image=OuterRef("image"), pk__gt=OuterRef("pk"))
    stands = (Image.Status.APPROVED, Image.Status.POSTED)
    return finals.filter(~Exists(later), created_at__gte=since, image__status__in=stands)


def _approvals(since: datetime) -> Iterable[dict[str, Any]]:
    measured = _standing(since).filter(based_on__isnull=False, edit_distance__isnull=False)
    longer = Greatest(Length("text"), Length("based_on__text"))
    rows: Iterable[dict[str, Any]] = (
        measured.annotate(longer=longer)
        .values(*(f"based_on__{name}" for name in _MAKER))
        .annotate(
            approved=Count("pk"),
            distance=Avg("edit_distance"),
            timed=Count("seconds"),
            took=Avg("seconds"),
            **{change.value: Count("pk", filter=_within(change)) for change in Change},
        )
        .order_by()
    )
    return rows


def _within(change: Change) -> Q:
    shares = [share for share, _label in CHANGES.values()]
    number = list(CHANGES).index(change)
    if number == 0:
        return Q(edit_distance=0)
    above = Q(edit_distance__gt=shares[number - 1] * F("longer"))
    return above if number == len(shares) - 1 else above & Q(edit_distance__lte=shares[number] * F("longer"))


def _rejections(since: datetime) -> Iterable[dict[str, Any]]:
    """The latest drafts of the pictures that were rejected and still are."""
    drafts = CaptionVersion.objects.filter(kind=CaptionVersion.Kind.GENERATED)
    latest = drafts.filter(image=OuterRef("image")).order_by().values("image").annotate(last=Max("pk")).values("last")
    rejected = drafts.filter(
        image__status=Image.Status.REJECTED, image__reviewed_at__gte=since, image__is_decorative=False
    )
    latest_rejected = rejected.filter(pk=Subquery(latest))
    rows: Iterable[dict[str, Any]] = latest_rejected.values(*_MAKER).annotate(rejected=Count("pk")).order_by()
    return rows


def _maker(row: dict[str, Any], prefix: str = "") -> Maker:
    return Maker(*(row[prefix + name] for name in _MAKER))


@dataclass(frozen=True)
class Group:
    """The fates of all makers that are alike in one respect, for a chart."""

    name: str
    approved: int
    rejected: int
    changed: dict[Change, int]


def grouped(fates: Iterable[Fate], by: Callable[[Maker], str]) -> list[Group]:
    """Added up by `by`, the group with most decisions first."""
    names: dict[str, list[Fate]] = {}
    for fate in fates:
        names.setdefault(by(fate.maker), []).append(fate)
    groups = [
        Group(
            name,
            approved=sum(fate.approved for fate in own),
            rejected=sum(fate.rejected for fate in own),
            changed={change: sum(fate.changed.get(change, 0) for fate in own) for change in Change},
        )
        for name, own in names.items()
    ]
    return sorted(groups, key=lambda group: (-group.approved - group.rejected, group.name))
