"""Texts of code that knows no Django, in the language of whoever reads them."""

from django.utils.translation import gettext

from vedfolnir.lib.outbound import OutboundError


def reason_of(error: OutboundError) -> str:
    """Why a request to the outside failed, translated."""
    message = gettext(error.message)
    return message % error.known if error.known else message
