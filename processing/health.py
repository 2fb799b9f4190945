"""Whether the parts work together: database, broker, worker, and how old the oldest due row is."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db import Error, connection, models
from django.utils import timezone

from captions.models import Image, Publication
from platforms.models import PlatformConnection
from processing import doorbells, engine_trouble
from processing.models import CaptionGenerationTask

logger = logging.getLogger(__name__)

HEARTBEAT, PUBLISHED = "worker-heartbeat", "worker-published"
HEARTBEAT_LATE = 60.0  # seconds; beat sends one every ten
DUE_LATE = timedelta(minutes=10)


@dataclass(frozen=True)
class Check:
    ok: bool
    detail: str


def note_heartbeat() -> None:
    cache.set(HEARTBEAT, time.time(), timeout=None)


def note_publication() -> None:
    """A worker has come to an end with a publication."""
    cache.set(PUBLISHED, time.time(), timeout=None)


def checks() -> dict[str, Check]:
    """Every check by its name. Once the database does not answer, nothing else is asked of it."""
    database = check_database()
    found = {"database": database, "broker": check_broker()}
    if database.ok:
        found |= {"worker": _guarded(check_worker), "queue": _guarded(check_queue), "engine": _guarded(check_engine)}
    return found


def check_database() -> Check:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error as error:
        logger.warning("health: the database does not answer: %s", error)
        return Check(False, "does not answer")
    return Check(True, connection.vendor)


def check_broker() -> Check:
    try:
        with doorbells.broker() as broker:
            broker.default_channel.queue_declare(doorbells.IO)
    except doorbells.NOBODY_THERE as error:
        logger.warning("health: the broker does not answer: %s", error)
        return Check(False, "does not answer")
    return Check(True, "answers")


def check_worker() -> Check:
    beat = cache.get(HEARTBEAT)
    if beat is None:
        return Check(False, "no sign of life yet")
    age = max(0.0, time.time() - float(beat))
    return Check(age <= HEARTBEAT_LATE, f"last sign of life {age:.0f} s ago")


def check_queue() -> Check:
    """A worker that is deaf looks alive; that nothing due is taken does not. What moves may be as long as it likes."""
    now = timezone.now()
    # What a server's silence held back until a moment ago has its turn from then on.
    held = PlatformConnection.objects.filter(paused_until__gt=now - DUE_LATE)
    tasks = CaptionGenerationTask.objects.due(now).exclude(scanned_at=None, platform_connection__in=held)
    waiting = [_age(now, tasks.order_by("next_attempt_at"))]
    if not _publications_move(now):
        publications = Publication.objects.due(now).exclude(platform_connection__in=held)
        waiting.append(_age(now, publications.order_by("next_attempt_at")))
    if not _drafts_move(now):
        waiting.append(_age(now, Image.objects.due(now).order_by("next_attempt_at")))
    oldest = max(waiting)
    return Check(oldest <= DUE_LATE, f"oldest due row {oldest.total_seconds():.0f} s")


def check_engine() -> Check:
    """Only tells, and not the reason, which may name a server: an outage at the engine is no fault of these parts."""
    found = engine_trouble.trouble()
    if found is None:
        return Check(True, "nothing is known against it")
    age = max(0.0, (timezone.now() - found.tried_at).total_seconds())
    return Check(True, f"did not work {age:.0f} s ago and is tried again; list_tasks and the pages of tasks say why")


def _publications_move(now: datetime) -> bool:
    latest = cache.get(PUBLISHED)
    recent = latest is not None and time.time() - float(latest) <= DUE_LATE.total_seconds()
    return recent or Publication.objects.writing(now).exists()


def _drafts_move(now: datetime) -> bool:
    """Drafts come, or a picture is in a worker's hands or waits for another attempt (an outage is the engine's)."""
    taken = Image.objects.asked_for().filter(next_attempt_at__gt=now)
    return taken.exists() or Image.objects.awaiting_review().filter(captioned_at__gte=now - DUE_LATE).exists()


def _age(now: datetime, due: models.QuerySet[Any]) -> timedelta:
    oldest = due.values_list("next_attempt_at", flat=True).first()
    return now - oldest if oldest else timedelta(0)


def _guarded(check: Callable[[], Check]) -> Check:
    """The cache may be in the database or in Redis, and either may be gone by now."""
    try:
        return check()
    except (Error, *doorbells.NOBODY_THERE) as error:
        logger.warning("health: %s", error)
        return Check(False, "cannot be asked")
