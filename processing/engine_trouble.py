"""What is wrong with the engines, as their latest calls tell: for pages, commands and /health, which call none."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from processing.models import AttemptOutcome, EngineAttempt

LATELY = timedelta(hours=1)  # one that does not work is tried every ten minutes, as long as anybody waits
_CALLED = (AttemptOutcome.ANSWERED, AttemptOutcome.REFUSED, AttemptOutcome.UNAVAILABLE)


@dataclass(frozen=True)
class Trouble:
    """Why no drafts come: `reason` is a sentence for those who may sign in, for it can name a server."""

    engine: str
    reason: str
    tried_at: datetime


def trouble(now: datetime | None = None) -> Trouble | None:
    """What the latest call ended in, if it was an outage or a wrong setting; None if it was not, or is long ago."""
    since = (now or timezone.now()) - LATELY
    called = EngineAttempt.objects.filter(outcome__in=_CALLED, created_at__gt=since)
    latest = called.order_by("-created_at", "-pk").first()
    if latest is None or latest.outcome != AttemptOutcome.UNAVAILABLE:
        return None
    return Trouble(latest.engine, latest.reason, latest.created_at)
