"""When to try again."""

from datetime import datetime, timedelta
from random import uniform

from django.utils import timezone


def next_attempt(
    failures: int, *, first: timedelta, most: timedelta, factor: int = 2, retry_after: float | None = None
) -> datetime:
    """The time of the next attempt after `failures` in a row: growing delays, spread so that not all come at once.

    A server's own wish (`retry_after`, seconds) is the least, `most` is the most.
    """
    grown = min(first * int(factor ** min(max(failures, 1) - 1, 10)), most)
    wait = grown * uniform(0.75, 1.25)  # noqa: S311  (spreads load, keeps no secret)
    if retry_after is not None:
        wait = max(wait, timedelta(seconds=retry_after))
    return timezone.now() + min(wait, most)
