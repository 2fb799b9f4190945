"""What a server that does not answer, or asks to wait, means for the connections to it: nobody needs to try."""

from datetime import UTC, datetime

from django.db.models import Q, QuerySet

from platforms.models import PlatformConnection
from vedfolnir.lib.deadlocks import again_after_deadlock


def pause(host: str, until: float) -> None:
    """Let everything that is due on a host (`name` or `name:port`) wait until that moment, in seconds of the epoch."""
    pause_until(PlatformConnection.objects.filter(instance_url__in=_origins(host)), datetime.fromtimestamp(until, UTC))


def pause_until(connections: QuerySet[PlatformConnection], moment: datetime) -> None:
    """Let everything that is due on these connections wait until `moment`; a longer pause stays as it is."""
    rows = connections.filter(Q(paused_until=None) | Q(paused_until__lt=moment))
    again_after_deadlock(lambda: rows.update(paused_until=moment))


def resume(host: str) -> None:
    """It answers again."""
    waiting = PlatformConnection.objects.filter(instance_url__in=_origins(host)).exclude(paused_until=None)
    again_after_deadlock(lambda: waiting.update(paused_until=None))


def _origins(host: str) -> list[str]:
    return [f"https://{host}", f"http://{host}"]
