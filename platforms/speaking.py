"""Speaking for a connected account: `client_for` picks the client of the server's family."""

from django.conf import settings
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from platforms.clients.api import DEFAULT_TIMEOUT, Api
from platforms.clients.base import Capabilities, CredentialsRefused, Instance, PlatformClient, PlatformRefused
from platforms.clients.detection import capabilities_of
from platforms.clients.families import family
from platforms.clients.writing import Writer
from platforms.fields import CredentialUnreadable, Unreadable, readable
from platforms.models import PlatformConnection
from platforms.renewing import is_replaced, renew_if_due
from platforms.traffic import doors
from platforms.traffic.traffic import Outlook
from vedfolnir.lib.outbound import Timeout


@sensitive_variables()
def secrets_of(connection: PlatformConnection) -> list[str]:
    """What no answer of the server may hold, as far as it can be decrypted."""
    stored = (connection.access_token, connection.refresh_token, connection.client_secret)
    return [secret for secret in stored if secret and not isinstance(secret, Unreadable)]


@sensitive_variables("token")
def client_for(connection: PlatformConnection, *, timeout: Timeout = DEFAULT_TIMEOUT) -> PlatformClient:
    """A client that speaks for `connection`. Close it when done.

    A token that is about to end is renewed first. Raises CredentialsRefused when that fails, or the stored token cannot
    be decrypted or sent, PlatformRefused when the server's address may not be asked, PlatformUnavailable when the token
    has ended and cannot be renewed now. When the server refuses a token that was replaced meanwhile, the client's
    methods raise PlatformUnavailable.
    """
    renew_if_due(connection)
    try:
        token = readable(connection.access_token)
    except CredentialUnreadable as error:
        raise CredentialsRefused(str(error)) from error
    found = family(connection.platform_type)
    api = Api(
        connection.instance_url,
        token=token,
        allow=settings.OUTBOUND_ALLOW,
        timeout=timeout,
        traffic=doors.for_connection(connection, found.profile.rates),
        is_replaced=lambda: is_replaced(connection, token),
        secrets=secrets_of(connection),
        signed_in=not connection.is_pasted,
    )
    return found.client(api, capabilities_for(connection))


def outlook_for(connection: PlatformConnection) -> Outlook:
    """Whether its server answers, and whether it asked us to wait, as far as we know: nothing is asked."""
    known = doors.for_connection(connection, family(connection.platform_type).profile.rates).outlook()
    paused_until = connection.paused_until
    if known.next_try is None and paused_until is not None and paused_until > timezone.now():
        return Outlook(asked_until=paused_until, next_try=paused_until)
    return known


def capabilities_for(connection: PlatformConnection) -> Capabilities:
    """What may be done with `connection`, by the software that its server ran when it was last tested."""
    instance = Instance(
        software=connection.software,
        version=connection.software_version,
        alt_text_limit=connection.alt_text_limit,
    )
    return capabilities_of(instance, connection.platform_type)


def why_not_kept(connection: PlatformConnection, text: str) -> str:
    """Why the connection's server would not keep this alt text as it is written, a sentence; empty where it would."""
    capabilities, client = capabilities_for(connection), family(connection.platform_type).client
    if not (capabilities.can_write and issubclass(client, Writer)):
        return ""
    try:
        client.require_text(capabilities, text)
    except PlatformRefused as error:
        return error.reason
    return ""
