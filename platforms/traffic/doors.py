"""The `Traffic` of each kind of request, kept where all workers share it: who speaks to a server begins here."""

import hashlib
from functools import cache
from urllib.parse import urlsplit

from django.conf import settings

from platforms.clients.profile import RateHabits
from platforms.models import PlatformConnection
from platforms.traffic import connections
from platforms.traffic.budget import Pace
from platforms.traffic.database import DatabaseStore
from platforms.traffic.shared import Shared
from platforms.traffic.stores import RedisStore
from platforms.traffic.traffic import ANONYMOUS, Traffic, private
from vedfolnir.lib.outbound import OutboundRefused
from vedfolnir.lib.outbound.urls import parse_url


def for_connection(connection: PlatformConnection, rates: RateHabits, *, person: bool = False) -> Traffic:
    """The traffic of one account: counted as its server counts, by `rates`; with `person` somebody waits for it."""
    counted_as = {"address": ANONYMOUS, "user": f"account {_digest(connection.account_id)}"}.get(
        rates.counted_by, f"connection {connection.pk}"
    )
    return Traffic(
        _host_of(connection.instance_url),
        everybodys(),
        counted_as=counted_as,
        pace=Pace(rates.writes, rates.writes_period),
        person=person,
        dependents=connections,
    )


def for_host(url: str, rates: RateHabits | None = None) -> Traffic:
    """The traffic to the host of `url` for a worker, without a token.

    Where the server counts by address, as `rates` say, it is the budget that the accounts share; else one of its own.
    """
    counted_as = _without_token(rates, "nobody")
    return Traffic(_host_of(url), everybodys(), counted_as=counted_as, dependents=connections)


def for_person(url: str, rates: RateHabits | None = None) -> Traffic:
    """The traffic to the host of `url` while somebody waits for it, such as to connect an account; see `for_host`."""
    counted_as = _without_token(rates, "people")
    return Traffic(_host_of(url), everybodys(), counted_as=counted_as, person=True, dependents=connections)


def for_files(url: str) -> Traffic:
    """The traffic to the host of `url` for public files, such as pictures; each scheme and port for itself.

    Anybody can name a file, also on a port of somebody else's host where nothing answers.
    """
    try:
        scheme, _separator, host = parse_url(url).origin.partition("://")
    except OutboundRefused:
        return private("")  # it is not going to be asked, and nothing can be said of it
    return Traffic(host, everybodys(), asked_for=f"{scheme} files", counted_as=f"{scheme} files")


def _without_token(rates: RateHabits | None, otherwise: str) -> str:
    return ANONYMOUS if rates is not None and rates.counted_by == "address" else otherwise


@cache
def everybodys() -> Shared:
    """What all workers share: in Redis, in the embedded mode in the database."""
    return Shared(DatabaseStore() if settings.EMBEDDED else RedisStore(settings.REDIS_URL))


def _host_of(url: str) -> str:
    """Name and port; empty for what is no address, which is refused where it is asked."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""


def _digest(remote_id: str) -> str:
    """Short and of one length: the ids of some servers are addresses."""
    return hashlib.sha256(remote_id.encode()).hexdigest()[:16]
