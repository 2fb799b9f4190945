"""Pages of the review queue: by key and by index, so that page 4,000 of a million costs what the first one does."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from django.db import models
from django.db.models import F, Prefetch, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.roles import Ability
from captions.models import Image, ImageQuerySet
from platforms.models import PlatformConnection, PlatformConnectionQuerySet
from platforms.switching import SECRETS

PAGE = 25
COUNT_CAP = 1000
MERGED = 16  # connections whose pages are read one by one and merged; with more, one query sorts

CREDENTIALS = SECRETS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

Key = tuple[datetime | None, int]


class State(models.TextChoices):
    """What the queue can show; the values stand in addresses."""

    AWAITING = "awaiting", _("To review")
    APPROVED = "approved", _("Approved")
    POSTED = "posted", _("Posted")
    REJECTED = "rejected", _("Rejected")
    ERROR = "error", _("Errors")


@dataclass(frozen=True)
class Cursor:
    """The place after one image, in the order of its state; `str()` is its form in an address."""

    captioned_at: datetime | None
    pk: int

    @classmethod
    def after(cls, image: Image) -> Self:
        return cls(image.captioned_at, image.pk)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """None for anything that is not a cursor: the list then starts at its beginning."""
        moment, _dot, pk = text.partition(".")
        if not (pk.isascii() and pk.isdecimal() and len(pk) < 19):
            return None
        if not moment:
            return cls(None, int(pk))
        if not (moment.isascii() and moment.isdecimal() and len(moment) < 18):
            return None
        return cls(EPOCH + int(moment) * MICROSECOND, int(pk))

    def __str__(self) -> str:
        moment = "" if self.captioned_at is None else str((self.captioned_at - EPOCH) // MICROSECOND)
        return f"{moment}.{self.pk}"


@dataclass(frozen=True)
class Scope:
    """Whose images to look at: these connections, or all where `ids` is None. Resolved once for each request."""

    ids: tuple[int, ...] | None

    @classmethod
    def of(cls, user: User, connections: PlatformConnectionQuerySet, chosen: PlatformConnection | None) -> Self:
        """`connections` are the visible or the decidable ones of `user`; `chosen` is one of them."""
        if chosen is not None:
            return cls((chosen.pk,))
        if user.can(Ability.SEE_ALL):
            return cls(None)
        return cls(tuple(connections.order_by("pk").values_list("pk", flat=True)))

    def narrow(self, images: ImageQuerySet) -> ImageQuerySet:
        if self.ids is None:
            return images
        if len(self.ids) == 1:  # so that the index gives the order too
            return images.filter(platform_connection=self.ids[0])
        return images.filter(platform_connection__in=self.ids)

    def parts(self) -> list["Scope"]:
        """What to read one by one, in order, and merge."""
        if self.ids is None or not 1 < len(self.ids) <= MERGED:
            return [self]
        return [Scope((pk,)) for pk in self.ids]


@dataclass(frozen=True)
class Page:
    images: list[Image]
    next: Cursor | None
    count: int

    @property
    def count_text(self) -> str:
        return f"{COUNT_CAP:,}+" if self.count > COUNT_CAP else f"{self.count:,}"


def light_connections() -> PlatformConnectionQuerySet:
    """Connections without their credentials, which a list has no use for and would decrypt row by row."""
    return PlatformConnection.objects.defer(*CREDENTIALS)


def in_state(state: State) -> ImageQuerySet:
    if state is State.AWAITING:
        return Image.objects.awaiting_review()
    return Image.objects.filter(status=state.value)


def page(scope: Scope, state: State, after: Cursor | None) -> Page:
    """Up to PAGE images in the order of their state: to review oldest draft first, everything else newest first."""
    rows = in_state(state)
    keys = list(_keys(rows, scope, state, after, PAGE + 1))
    images = _load([pk for _moment, pk in keys[:PAGE]])
    following = Cursor(*keys[PAGE - 1]) if len(keys) > PAGE else None
    return Page(images, following, count(scope, state))


def count(scope: Scope, state: State) -> int:
    """How many there are, counted no further than one above COUNT_CAP."""
    return scope.narrow(in_state(state))[: COUNT_CAP + 1].count()


def next_to_decide(scope: Scope, user: User, state: State, after: Image | None) -> Image | None:
    """The next image in this state that nobody else holds, in its order; behind the last one it starts again.

    `state` is one of those in which a picture can be decided: AWAITING or ERROR.
    """
    free = in_state(state).free_for(user)
    if after is not None:
        free = free.exclude(pk=after.pk)
    starts: list[Cursor | None] = [None]
    if after is not None and (after.captioned_at is not None or state is State.ERROR):
        starts.insert(0, Cursor.after(after))
    for start in starts:
        if found := list(_keys(free, scope, state, start, 1)):
            return Image.objects.get(pk=found[0][1])
    return None


def _keys(rows: ImageQuerySet, scope: Scope, state: State, after: Cursor | None, limit: int) -> Iterator[Key]:
    """The first `limit` keys behind `after`: one short walk along an index for each part of the scope."""
    found = [list(_ordered(part.narrow(rows), state, after)[:limit]) for part in scope.parts()]
    merged = heapq.merge(*found, key=_rank, reverse=state is not State.AWAITING)
    return (key for key, _number in zip(merged, range(limit), strict=False))


def _ordered(rows: ImageQuerySet, state: State, after: Cursor | None) -> "models.QuerySet[Image, Key]":
    if state is State.AWAITING:
        ordered = rows.in_review_order()
        if after is not None:
            ordered = ordered.filter(captioned_at__gte=after.captioned_at or EPOCH)
            ordered = ordered.exclude(captioned_at=after.captioned_at, pk__lte=after.pk)
    else:
        ordered = rows.order_by(F("captioned_at").desc(nulls_last=True), "-id")
        if after is not None and after.captioned_at is None:
            # Without the column that is the same in all of them, by which MariaDB would sort.
            ordered = ordered.filter(captioned_at=None, pk__lt=after.pk).order_by("-id")
        elif after is not None:
            ordered = ordered.filter(Q(captioned_at__lte=after.captioned_at) | Q(captioned_at=None))
            ordered = ordered.exclude(captioned_at=after.captioned_at, pk__gte=after.pk)
    return ordered.values_list("captioned_at", "pk")


def _rank(key: Key) -> tuple[datetime, int]:
    moment, pk = key
    return moment or EPOCH, pk


def _load(ids: list[int]) -> list[Image]:
    """The images of these ids in this order, with what a list shows of them."""
    rows = Image.objects.filter(pk__in=ids).prefetch_related(
        "post", "claimed_by", Prefetch("platform_connection", queryset=light_connections())
    )
    by_id = {image.pk: image for image in rows}
    return [by_id[pk] for pk in ids if pk in by_id]
