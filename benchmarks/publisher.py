"""The production worker (`celery -A benchmarks.publisher worker -Q io`), changed in these ways and no other:

- at each named step of a publication it looks for an order to die or to stop there (benchmarks.orders);
- the lease of a publication, and what it allows for a request, are short: CHAOS_LEASE seconds instead of five minutes,
  so that what follows a death is seen within seconds; delays after a failure are as short;
- it does not pace itself (Pixelfed: ten pictures a minute), because hundreds of posts are published in a minute.
"""

import os
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from celery.signals import worker_process_init

from benchmarks import orders
from vedfolnir.celery import app

__all__ = ["app"]

FOLDER = Path(os.environ.get("CHAOS_ORDERS", "orders"))
LEASE = timedelta(seconds=float(os.environ.get("CHAOS_LEASE", "3")))


@worker_process_init.connect  # type: ignore[untyped-decorator]
def prepare(**_: Any) -> None:
    """In each process that publishes, once Django is there."""
    from platforms.traffic import doors
    from processing import tasks
    from processing.publishing import leases, publish_publication

    leases.LEASE, leases.REQUEST_LIMIT = LEASE, LEASE / 10
    leases.RETRY_FIRST = leases.RETRY_MOST = timedelta(seconds=1)
    doors.for_connection = _unpaced(doors.for_connection)
    setattr(tasks, "publish_publication", _with_orders(publish_publication))  # noqa: B010 - another signature


def _unpaced(for_connection: Callable[..., Any]) -> Callable[..., Any]:
    from platforms.clients.profile import RateHabits

    return lambda connection, _rates, **options: for_connection(connection, RateHabits(), **options)


def _with_orders(publish: Callable[..., Any]) -> Callable[[int], Any]:
    from captions.models import Publication

    def publish_with_orders(pk: int) -> Any:
        rows = Publication.objects.filter(pk=pk).values_list("platform_connection__platform_type", flat=True)
        return publish(pk, at_step=partial(orders.take, FOLDER, rows[0]))

    return publish_with_orders
