"""The two ways in which a request to the outside fails."""


def gettext_noop(message: str) -> str:
    """Mark a sentence for the translators. It is translated where a person reads it: nothing here needs Django."""
    return message


class OutboundError(Exception):
    """A request that got no usable answer. `reason` is a sentence for a person, free of secrets and of paths.

    `message` is that sentence in English, with places for the values in `known`; `vedfolnir.lib.wording` translates it.
    """

    def __init__(self, message: str, **known: object) -> None:
        self.message = message
        self.known = known
        self.reason = message % known if known else message
        super().__init__(self.reason)


class OutboundUnavailable(OutboundError):
    """May go better later: unknown name, refused or broken connection, timeout, trouble with the certificate."""


class OutboundTooLate(OutboundUnavailable):
    """The caller's own time was over before the whole request was out, so that no server has carried it out."""


class OutboundRefused(OutboundError):
    """Will not go better by itself: forbidden address, malformed URL, body too large, too many redirects, not JSON."""
