"""What a server that does not answer, or asks to wait, means for the connections to it: nobody needs to try."""

from datetime import UTC, datetime

from django.db.models import Q

from platforms.models import PlatformConnection
from vedfolnir.lib.deadlocks import again_after_deadlock


def pause(host: str, until: float) -> None:
    """Let everything that is due on a host (`name` or `name:port`) wait until that moment, in seconds of the epoch."""
    moment = datetime.fromtimestamp(until, UTC)
    earlier = Q(paused_until=None) | Q(paused_until__lt=moment)
    rows = PlatformConnection.objects.filter(earlier, instance_url__in=_origins(host))
    again_after_deadlock(lambda: rows.update(paused_until=moment))


def resume(host: str) -> None:
    """It answers again."""
    waiting = PlatformConnection.objects.filter(instance_url__in=_origins(host)).exclude(paused_until=None)
    again_after_deadlock(lambda: waiting.update(paused_until=None))


def _origins(host: str) -> list[str]:
    return [f"https://{host}", f"http://{host}"]
