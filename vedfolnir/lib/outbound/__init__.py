"""The one way to the outside: HTTP to servers whose addresses other people choose.

Every connection goes to an address that was checked first, ends in time and size, takes nothing from the environment
and tells no secrets. Reads no settings: callers pass `settings.OUTBOUND_ALLOW` as `allow`.
"""

from vedfolnir.lib.outbound.client import HttpClient, Response, fetch
from vedfolnir.lib.outbound.errors import OutboundError, OutboundRefused, OutboundTooLate, OutboundUnavailable
from vedfolnir.lib.outbound.transport import Timeout
from vedfolnir.lib.outbound.urls import AllowList, normalise_instance_url

__all__ = [
    "AllowList",
    "HttpClient",
    "OutboundError",
    "OutboundRefused",
    "OutboundTooLate",
    "OutboundUnavailable",
    "Response",
    "Timeout",
    "fetch",
    "normalise_instance_url",
]
