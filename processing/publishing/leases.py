"""Taking a publication, and writing to it only for as long as it is ours."""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from captions.models import Publication
from platforms.models import PlatformConnection
from processing import backoff

REQUEST_LIMIT = timedelta(seconds=30)  # the total time of one request (vedfolnir.lib.outbound.Timeout)
LEASE = 10 * REQUEST_LIMIT  # more than twice what the requests before, between and after two writes take
RETRY_FIRST, RETRY_MOST = timedelta(seconds=30), timedelta(hours=1)
FAILURES_MOST = 8


class LeaseLost(Exception):
    """Another worker holds the publication by now; this one must not touch anything any more."""


def claim(pk: int) -> Publication | None:
    """The publication, held for LEASE by this worker alone; None when it is not due or its account has a writer."""
    with transaction.atomic():
        connection = Publication.objects.filter(pk=pk).values_list("platform_connection", flat=True).first()
        account = list(PlatformConnection.objects.of_same_account(connection or 0).values_list("pk", flat=True))
        # One writer per account: claims of the same account wait for each other here.
        list(PlatformConnection.objects.select_for_update().filter(pk__in=account).order_by("pk").values_list("pk"))
        if not Publication.objects.claim(pk, LEASE):
            return None
    return Publication.objects.select_related("post", "platform_connection__user").get(pk=pk)


def settle(publication: Publication, **outcome: object) -> None:
    """Record `outcome` and let go. Raises LeaseLost when the publication is not ours any more."""
    if not Publication.objects.held(publication.pk, publication.attempts).update(**{"leased_until": None, **outcome}):
        raise LeaseLost


def note(publication: Publication, **values: object) -> None:
    """Record `values` and keep the lease. Raises LeaseLost when the publication is not ours any more."""
    if not Publication.objects.held(publication.pk, publication.attempts).update(**values):
        raise LeaseLost
    for name, value in values.items():
        setattr(publication, name, value)


def renew(publication: Publication) -> None:
    """Right before each request that may change something: still ours, for longer than a request can take; begin anew.

    A write of many requests thus lasts as long as it goes on, and a worker that was stopped past its lease and woke
    again ends here, before it sends anything more. Raises LeaseLost.
    """
    now = timezone.now()
    held = Publication.objects.held(publication.pk, publication.attempts)
    until = now + LEASE
    if not held.filter(leased_until__gte=now + 2 * REQUEST_LIMIT).update(leased_until=until, next_attempt_at=until):
        raise LeaseLost


def next_attempt(failures: int, retry_after: float | None) -> datetime:
    """When to try again: growing delays, and never before the server's own wish."""
    return backoff.next_attempt(failures, first=RETRY_FIRST, most=RETRY_MOST, retry_after=retry_after)
