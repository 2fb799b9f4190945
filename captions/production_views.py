"""The staff page that says how drafts fare."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.http import SignedInRequest
from accounts.roles import Ability
from captions import production
from captions.production import CHANGES, Change, Group

WIDTH = 600  # of a bar, in the units of its drawing
REJECTED = "rejected"


@dataclass(frozen=True)
class Piece:
    """A part of a bar: what it stands for, how many, and where it lies."""

    name: str
    label: str
    count: int
    start: float
    width: float


@dataclass(frozen=True)
class Bar:
    name: str
    total: int
    pieces: list[Piece]


@login_required
@require_safe
def figures(request: SignedInRequest) -> HttpResponse:
    """What reviewers kept of drafts, by engine, model, prompt and language. Of everybody's, so for staff alone."""
    if not request.user.can(Ability.SEE_ALL):
        raise PermissionDenied
    days = _days(request.GET.get("days", ""))
    fates, since = production.fates(days), production.counted_since(days)
    charts: list[dict[str, Any]] = [
        {"title": _("By engine and model"), "bars": _bars(production.grouped(fates, _engine))},
        {"title": _("By prompt"), "bars": _bars(production.grouped(fates, lambda maker: maker.prompt or _("none")))},
        {"title": _("By language"), "bars": _bars(production.grouped(fates, lambda maker: maker.language or _("?")))},
    ]
    context = {
        "days": days,
        "periods": production.PERIODS,
        "fates": fates,
        "cut_at": since if production.is_cut(days, since) else None,
        "counted_most": production.COUNTED_MOST,
        "charts": charts,
        "legend": [(change.value, label) for change, (_share, label) in CHANGES.items()] + [(REJECTED, _("Rejected"))],
        "undrafted": production.decided_without_draft(days),
        "width": WIDTH,
    }
    return render(request, "captions/figures.html", context)


def _days(text: str) -> int:
    return int(text) if text in {str(days) for days in production.PERIODS} else production.PERIODS[1]


def _engine(maker: production.Maker) -> str:
    return f"{maker.engine}: {maker.model}" if maker.model else maker.engine


def _bars(groups: list[Group]) -> list[Bar]:
    return [_bar(group) for group in groups]


def _bar(group: Group) -> Bar:
    total = group.approved + group.rejected
    counts = [(change.value, str(CHANGES[change][1]), group.changed[change]) for change in Change]
    counts.append((REJECTED, _("Rejected"), group.rejected))
    pieces, start = [], 0.0
    for name, label, count in counts:
        width = WIDTH * count / total
        if count:
            pieces.append(Piece(name, label, count, round(start, 2), round(width, 2)))
        start += width
    return Bar(group.name, total, pieces)
