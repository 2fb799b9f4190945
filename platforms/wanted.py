"""Which posts of a connected account a scan takes."""

import re
import unicodedata

from platforms.clients.base import Status
from platforms.models import PlatformConnection
from vedfolnir.lib.text import strip_html

# What people put into a post to keep machines away from it; the first three are honoured by other alt text bots too.
OPT_OUT_TAGS = frozenset({"noai", "nobot", "nollm", "noalttext"})
FOR_EVERYBODY = frozenset({"public", "unlisted"})
DIRECT = "direct"
_HASHTAG = re.compile(r"(?<![\w/&#])#(\w+)")


def wants(connection: PlatformConnection, status: Status) -> bool:
    """Whether a scan of `connection` looks at `status`.

    Only the account's own posts with pictures. Posts for followers and direct messages only where the owner has opted
    in, before any picture of them reaches an engine; posts that opt out by a tag only where the owner overrides that.
    A visibility that we do not know counts as followers-only.
    """
    if status.is_reblog or status.account_id != connection.account_id:
        return False
    if not any(attachment.type == "image" for attachment in status.attachments):
        return False
    if status.visibility == DIRECT and not connection.include_direct:
        return False
    if status.visibility not in FOR_EVERYBODY | {DIRECT} and not connection.include_private:
        return False
    return connection.ignore_opt_out or OPT_OUT_TAGS.isdisjoint(_tags(status))


def _tags(status: Status) -> set[str]:
    """The tags that the server names, and those in the text: not every server lists them."""
    written = _plain(f"{strip_html(status.content)} {status.spoiler_text}")
    return {_plain(tag) for tag in status.tags} | set(_HASHTAG.findall(written))


def _plain(text: str) -> str:
    """Upper and lower case, full-width and other forms of a letter (or of "#") made one, as servers do with tags."""
    return unicodedata.normalize("NFKC", text).casefold()
