"""Finding out whom a token speaks for and what its server is: the short calls that a person waits for."""

import time
from dataclasses import dataclass
from functools import partial

from django.conf import settings
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from platforms.clients.api import Api
from platforms.clients.base import Account, Capabilities, CredentialsRefused, Instance, PlatformRefused
from platforms.clients.detection import UNKNOWN, Detected, detect
from platforms.clients.families import family
from platforms.models import PlatformConnection
from platforms.traffic import doors
from vedfolnir.lib.outbound import Timeout

# Together at most ten seconds: the last request begins within PATIENCE and takes no longer than its own total.
PATIENCE = 6.0
QUICK = Timeout(connect=2.0, read=4.0, total=4.0)

LONGEST_USERNAME = LONGEST_ID = 200  # characters, the columns' lengths


@dataclass(frozen=True)
class Identity:
    """Who a token speaks for, and on what kind of server."""

    account: Account
    instance: Instance
    family: str
    capabilities: Capabilities


@sensitive_variables("token")
def identify(base_url: str, token: str, connection: PlatformConnection | None = None) -> Identity:
    """Ask the server what it is, without the token, and then with it who we are. Takes ten seconds at most.

    It is tried also where the server is known not to answer: a person waits for it, and may know better. Given the
    `connection` that the token is of, what is found of its budget counts for its workers, too.
    Never call it inside a transaction. Raises PlatformUnavailable, CredentialsRefused and PlatformRefused.
    """
    asking = partial(
        Api,
        base_url,
        allow=settings.OUTBOUND_ALLOW,
        timeout=QUICK,
        deadline=time.monotonic() + PATIENCE,
        secrets=[token.strip()],
        signed_in=connection is not None and not connection.is_pasted,
    )
    known = family(connection.platform_type).profile.rates if connection else None
    with asking(traffic=doors.for_person(base_url, known)) as api:
        detected = detect(api)
    rates = family(detected.family).profile.rates
    own = doors.for_connection(connection, rates, person=True) if connection else doors.for_person(base_url, rates)
    with asking(token=token, traffic=own) as api:
        account = _verify(api, detected)
    if len(account.id) > LONGEST_ID or len(account.username) > LONGEST_USERNAME:
        raise PlatformRefused(_("The account's name or id is longer than Vedfolnir can store."))
    return Identity(account, detected.instance, detected.family, detected.capabilities)


def _verify(api: Api, detected: Detected) -> Account:
    """Who the token speaks for; a server where nobody can say is at least named."""
    try:
        return family(detected.family).client(api, detected.capabilities).verify()
    except CredentialsRefused:
        raise
    except PlatformRefused as error:
        software = detected.instance.software
        if detected.family != UNKNOWN or not software:
            raise
        known = {"software": software, "reason": error.reason}
        raise PlatformRefused(_("This server runs %(software)s. %(reason)s") % known) from error
