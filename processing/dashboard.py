"""What the dashboard shows of each connection, in a fixed number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, OuterRef, Q, Subquery

from accounts.models import User
from accounts.roles import Ability
from captions.models import Image
from platforms.models import PlatformConnection
from platforms.switching import SECRETS
from processing.models import CaptionGenerationTask
from processing.progress import Progress

SHOWN = 50  # connections; the others are found under /platforms/


@dataclass(frozen=True)
class Counts:
    """The pictures of one connection."""

    awaiting: int = 0  # a draft waits for a reviewer
    undrafted: int = 0
    approved: int = 0  # not yet posted
    posted: int = 0
    errors: int = 0

    @property
    def any(self) -> bool:
        return bool(self.awaiting or self.undrafted or self.approved or self.posted or self.errors)


@dataclass(frozen=True)
class Card:
    connection: PlatformConnection
    counts: Counts
    task: CaptionGenerationTask | None  # the latest
    may_start: bool

    @property
    def progress(self) -> Progress | None:
        return Progress.of(self.task) if self.task else None


def cards(user: User, only: PlatformConnection | None = None) -> list[Card]:
    """One card for each connection that this person may see, their own first; or for `only` one of them."""
    visible = PlatformConnection.objects.visible_to(user).defer(*SECRETS)
    rows = [only] if only is not None else visible.order_by("name", "pk")[:SHOWN]
    connections = sorted(rows, key=lambda connection: connection.user_id != user.pk)
    ids = [connection.pk for connection in connections]
    latest, counted = latest_tasks(ids), counts(ids)
    may_start = set(decidable_ids(user, ids)) if user.can(Ability.GENERATE) else set()
    return [Card(row, counted.get(row.pk, Counts()), latest.get(row.pk), row.pk in may_start) for row in connections]


def latest_tasks(connection_ids: Sequence[int]) -> dict[int, CaptionGenerationTask]:
    """The newest task of each connection that has one."""
    newest = CaptionGenerationTask.objects.filter(platform_connection=OuterRef("pk")).order_by("-created_at")
    found = PlatformConnection.objects.filter(pk__in=connection_ids).values_list(Subquery(newest.values("pk")[:1]))
    tasks = CaptionGenerationTask.objects.filter(pk__in=[pk for (pk,) in found if pk]).defer("results_json")
    return {task.platform_connection_id: task for task in tasks}


def decidable_ids(user: User, ids: Sequence[int]) -> list[int]:
    return list(PlatformConnection.objects.decidable_by(user).filter(pk__in=ids).values_list("pk", flat=True))


def counts(connection_ids: Sequence[int]) -> dict[int, Counts]:
    """By connection; read from the index alone (ix_image_review)."""
    status, pending = Image.Status, Q(status=Image.Status.PENDING)
    rows = Image.objects.filter(platform_connection__in=connection_ids).order_by().values("platform_connection")
    counted = rows.annotate(
        awaiting=Count("pk", filter=pending & Q(captioned_at__isnull=False)),
        undrafted=Count("pk", filter=pending & Q(captioned_at=None)),
        approved=Count("pk", filter=Q(status=status.APPROVED)),
        posted=Count("pk", filter=Q(status=status.POSTED)),
        errors=Count("pk", filter=Q(status=status.ERROR)),
    )
    figures = counted.values_list("platform_connection", "awaiting", "undrafted", "approved", "posted", "errors")
    return {pk: Counts(*numbers) for pk, *numbers in figures}
