"""The two ways in which a request to the outside fails."""


class OutboundError(Exception):
    """A request that got no usable answer. `reason` is a sentence for a person, free of secrets and of paths."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class OutboundUnavailable(OutboundError):
    """May go better later: unknown name, refused or broken connection, timeout, trouble with the certificate."""


class OutboundRefused(OutboundError):
    """Will not go better by itself: forbidden address, malformed URL, body too large, too many redirects, not JSON."""
