"""Alt texts on servers that take them for HTML: what would not survive is refused instead of being mangled."""

import re

from django.utils.translation import gettext as _

from platforms.clients.base import PlatformRefused
from vedfolnir.lib.text import unescape

# What a parser of HTML takes for a tag, a comment or a declaration; "<3" and "a < b" are none.
_TAG = re.compile(r"<(?:[A-Za-z/!?]|[^<>]+>|\Z)")
_OWN_ENTITIES = re.compile(r"&(?:amp|lt|gt);")


def require_no_tags(text: str) -> None:
    """Raise PlatformRefused for a text in which something looks like a tag, which these servers take away."""
    if _TAG.search(text):
        raise PlatformRefused(
            _("This server takes away what looks like HTML (a “<” and what follows). Word the alt text without it.")
        )


def require_no_entities(text: str, *, except_own: bool = False) -> None:
    """Raise PlatformRefused for a text with `&copy;` and the like, which these servers turn into what it stands for.

    `except_own` allows the three that the server itself writes and reads: it keeps them as they are.
    """
    rest = _OWN_ENTITIES.sub(" ", text) if except_own else text
    if unescape(rest) != rest:
        raise PlatformRefused(
            _("This server turns codes such as “&copy;” into what they stand for. Write the character itself.")
        )


def as_text(text: str) -> str:
    """A text as it comes back: trimmed, with line feeds only."""
    return text.replace("\r\n", "\n").strip()
