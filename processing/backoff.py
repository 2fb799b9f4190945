"""When to try again."""

from datetime import datetime, timedelta
from random import uniform

from django.utils import timezone


def next_attempt(
    failures: int, *, first: timedelta, most: timedelta, factor: int = 2, retry_after: float | None = None
) -> datetime:
    """The time of the next attempt after `failures` in a row: growing delays, spread so that not all come at once.

    `most` is the most that we wait by ourselves; a server's own wish (`retry_after`, seconds) is the least.
    """
    grown = min(first * int(factor ** min(max(failures, 1) - 1, 10)), most)
    wait = min(grown * uniform(0.75, 1.25), most)  # noqa: S311  (spreads load, keeps no secret)
    if retry_after is not None:
        wait = max(wait, timedelta(seconds=retry_after))
    return timezone.now() + wait
