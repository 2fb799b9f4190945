"""Which posts of a connected account may be touched at all, and which of those a scan takes."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Self

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from platforms.clients.base import Attachment, Status
from platforms.clients.families import family
from platforms.models import PlatformConnection
from vedfolnir.lib.text import strip_html

# What people put into a post to keep machines away from it; the first three are honoured by other alt text bots too.
OPT_OUT_TAGS = frozenset({"noai", "nobot", "nollm", "noalttext"})
MOVING = frozenset({"video", "gifv"})  # attachments that are described by one frame of them
PUBLIC, UNLISTED, DIRECT = "public", "unlisted", "direct"
# From "#" to a blank; `_tag_at_start` cuts off what belongs to no tag.
_HASHTAG = re.compile(r"(?<![\w/&#])#([^\s#]+)")
# What may join the letters of a tag: Catalan and Japanese middle dots, and what Persian and Indic scripts are joined
# with (Mastodon's app/models/tag.rb, HASHTAG_SEPARATORS).
_JOINING = "\u00b7\u30fb\u200c\u200d"
_SEPARATORS = re.compile(r"[\s,;]+")

# The columns of a connection that decide what a scan takes.
OPTIONS = (
    "include_unlisted",
    "include_private",
    "include_direct",
    "include_replies",
    "ignore_opt_out",
    "oldest_days",
    "only_tags",
    "opt_out_tags",
)


@dataclass(frozen=True)
class Traits:
    """What is asked of a post, whether it comes from the server or from our rows."""

    visibility: str
    is_reply: bool  # to somebody else; going on with one's own thread is not one
    posted_at: datetime | None  # None where the server's date is on no calendar
    tags: frozenset[str]  # by their plain form, see `plain_tag`

    @classmethod
    def of(cls, status: Status) -> Self:
        return cls(
            visibility=status.visibility,
            is_reply=is_reply(status),
            posted_at=moment(status.created_at),
            tags=tags_of(status.tags, f"{strip_html(status.content)} {status.spoiler_text}"),
        )


def wants(connection: PlatformConnection, status: Status) -> bool:
    """Whether a scan of `connection` takes `status`: the account's own posts with pictures that its options allow."""
    if status.is_reblog or status.account_id != connection.account_id:
        return False
    if not pictures(connection, status):
        return False
    return takes(connection, Traits.of(status))


def pictures(connection: PlatformConnection, status: Status) -> list[tuple[int, Attachment]]:
    """The attachments that can be described, with their position among all attachments.

    Pictures; and videos and animations by their poster frame, where the server's family is known to take alt texts for
    them and shows one.
    """
    posters = family(connection.platform_type).profile.describes_posters
    return [
        (index, each)
        for index, each in enumerate(status.attachments)
        if each.type == "image" or (posters and each.type in MOVING and has_poster(each))
    ]


def unseen(connection: PlatformConnection, status: Status) -> int:
    """How many videos and animations lack the poster frame by which they could be described."""
    if not family(connection.platform_type).profile.describes_posters:
        return 0
    return sum(each.type in MOVING and not has_poster(each) for each in status.attachments)


def has_poster(attachment: Attachment) -> bool:
    """Whether the preview is something else than the video itself."""
    return attachment.preview_url not in ("", attachment.url)


def takes(connection: PlatformConnection, traits: Traits) -> bool:
    """Whether the options of `connection` let a scan take a post: it may be touched, and it is one that is looked for.

    What is looked for: quiet public posts and replies unless left out, of the latest `oldest_days`, with one of
    `only_tags`.
    """
    if not may_touch(connection, traits):
        return False
    if traits.visibility == UNLISTED and not connection.include_unlisted:
        return False
    if traits.is_reply and not connection.include_replies:
        return False
    if connection.oldest_days is not None and _is_older(traits.posted_at, connection.oldest_days):
        return False
    only = tag_list(connection.only_tags)
    return not only or not only.isdisjoint(traits.tags)


def may_touch(connection: PlatformConnection, traits: Traits) -> bool:
    """Whether the people concerned agree: asked before a picture reaches an engine, and again before a write.

    Posts for followers and direct messages only where the owner has opted in; posts that opt out by a tag only where
    the owner overrides that, those with a tag of the connection's own list never. A visibility that we do not know
    counts as followers-only.
    """
    if traits.visibility == DIRECT and not connection.include_direct:
        return False
    if traits.visibility not in (PUBLIC, UNLISTED, DIRECT) and not connection.include_private:
        return False
    if not tag_list(connection.opt_out_tags).isdisjoint(traits.tags):
        return False
    return connection.ignore_opt_out or OPT_OUT_TAGS.isdisjoint(traits.tags)


def is_reply(status: Status) -> bool:
    return status.in_reply_to_id is not None and status.in_reply_to_account_id != status.account_id


def tags_of(named: Iterable[str], text: str) -> frozenset[str]:
    """The tags that the server names, and those in the text: not every server lists them."""
    written = frozenset(map(_tag_at_start, _HASHTAG.findall(plain_tag(text)))) - {""}
    return written | frozenset(map(plain_tag, named))


def tag_list(text: str) -> frozenset[str]:
    """The tags of a list as people type it, with or without "#", separated by spaces or commas."""
    return frozenset(plain_tag(tag).lstrip("#") for tag in _SEPARATORS.split(text)) - {""}


def is_tag(text: str) -> bool:
    """Whether servers would take the whole of `text` for a tag, written behind a "#"."""
    return bool(text) and _tag_at_start(text) == text


def _tag_at_start(text: str) -> str:
    """Letters, digits and underscores, with the marks that most scripts write some of their vowels with."""
    return "".join(takewhile(_belongs_to_tag, text)).rstrip(_JOINING)


def _belongs_to_tag(character: str) -> bool:
    if "\ufe00" <= character <= "\ufe0f":  # asks for a look of what stands before, such as an emoji's
        return False
    return character.isalnum() or character in "_" + _JOINING or unicodedata.category(character).startswith("M")


def plain_tag(text: str) -> str:
    """Upper and lower case, full-width and other forms of a letter (or of "#") made one, as servers do with tags."""
    return unicodedata.normalize("NFKC", text).casefold()


def moment(text: str) -> datetime | None:
    """A time that every database can store; None for one that is not on any calendar."""
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    if found is None or not 1000 < found.year < 9999:
        return None
    return found if timezone.is_aware(found) else timezone.make_aware(found)


def _is_older(posted_at: datetime | None, days: int) -> bool:
    return posted_at is not None and posted_at < timezone.now() - timedelta(days=days)
