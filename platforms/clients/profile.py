"""What a server family is like, as data: each family module has a `Profile`; docs/platforms.md is made of them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest
from typing import TYPE_CHECKING, Union

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

Version = tuple[int, ...]
Words = Union[str, "_StrPromise"]  # what people read; translated when it is shown

# What follows the numbers of a version that is not finished yet: "4.1.0rc1", "0.18.0-rc1", "4.5.0-nightly.2025-08-01".
# What else follows says who built it ("+glitch") and is proven only where the profile names it.
_UNFINISHED = re.compile(
    r"[-._~]?(?:(?:rc|alpha|beta|pre|dev|snapshot|nightly)(?:[-.]?\d[\d.-]*)?|[ab]\d+)(?![a-z])", re.IGNORECASE
)
_NUMBERS = re.compile(r"v?(\d{1,6}(?:\.\d{1,6})*)")


class Way(StrEnum):
    """How the alt text of a posted picture is changed."""

    EDIT = "edit"  # one edit of the post that carries every picture: PUT /api/v1/statuses/:id
    MEDIA = "media"  # one request for each picture, the post is not edited: PUT /api/v1/media/:id
    MEDIA_AND_EDIT = "media and edit"  # each picture first, and then one edit of the post that takes them over
    NONE = "none"  # not at all: the text is copied by hand


@dataclass(frozen=True)
class Writing:
    """One way of writing, and from which version of the software it is proven."""

    way: Way
    since: Version = ()
    federates: bool = False  # whether other servers get to know the alt text
    notifies: Words = ""  # whom an edit notifies, a sentence; empty: nobody
    scopes: Sequence[str] = ()  # the least that reading and this way of writing need


@dataclass(frozen=True)
class Build:
    """What may follow the number of a version although nobody changed what matters to us."""

    example: str  # a whole version, for the page
    follows: str  # a pattern of all that stands behind the number, and behind "-rc1" and the like
    what: str = ""  # in words


@dataclass(frozen=True)
class RateHabits:
    """What a server allows, as far as it is known without asking."""

    requests: int | None = None  # for the page alone, as `period`: budgets go by what the server's headers say
    period: float = 300.0  # seconds
    counted_by: str = ""  # "token", "address", "user"
    headers: str = ""  # in words, for the page
    writes: int | None = None  # requests that change something, of one `writes_period`
    writes_period: float = 60.0  # seconds


@dataclass(frozen=True)
class Paging:
    """How a list of posts is given out."""

    size: int = 40  # posts of a page that are asked for
    links: bool = True  # whether a Link header leads to the next page; else none is followed
    notes: str = ""


@dataclass(frozen=True)
class SigningIn:
    """How OAuth is there, where it differs."""

    # The server gives a token to whoever signed in last through a client, and forgets the client with its first token:
    # each sign-in registers one of its own.
    own_client: bool = False
    revokes: bool = True  # whether a client can have its token ended
    ignores_scopes: bool = False  # whether a token may do everything, whatever was asked for
    access_page: Words = ""  # where people take an access back by themselves; empty: nobody has looked


@dataclass(frozen=True)
class Profile:
    """A family of servers."""

    family: str  # a value of platforms.models.Family
    title: str  # as people write it
    software: Sequence[str]  # names in nodeinfo, lower case
    writings: Sequence[Writing]  # best first; the first whose `since` the server has reached is used
    unproven: Sequence[str] = ()  # names of `software` that are read like the family and never written to
    why_unproven: Words = ""  # the same in a sentence
    builds: Sequence[Build] = ()  # versions that are more than a number and proven all the same; others are forks
    too_old: Words = ""  # why a version without a way of writing is only read; `%(version)s` stands for it
    sources: Sequence[str] = ()  # `source_url`s that name this software where nodeinfo does not
    instance_versions: Sequence[int] = (2, 1)  # of the instance object, in the order in which they are asked for
    reading_scopes: Sequence[str] = ("read:accounts", "read:statuses")
    alt_text_limit: int | None = None  # code points, where the server does not say
    alt_text_limit_at: Sequence[Sequence[str]] = ()  # where in the instance object it stands
    bad_token: frozenset[int] = frozenset({401})  # statuses that mean so, whatever was asked
    bad_token_pages: frozenset[int] = frozenset()  # the same, where a web page comes with them
    gone_page: str = ""  # stands in the web page that a missing post is answered with, instead of JSON
    keeps_order: bool = True  # whether the pictures of a post come in the same order each time
    # Whether an alt text of a video, or of a GIF that became one, is written as that of a picture is, and the server
    # shows a frame of it (`preview_url`): read in the source of those that say so.
    describes_posters: bool = False
    has_history: bool = True  # whether the versions of a post before its edits can be asked for
    signing_in: SigningIn = SigningIn()
    paging: Paging = Paging()
    rates: RateHabits = RateHabits()
    text_is_stored: str = "as it is written"  # what the server makes of an alt text, in words
    cannot: Sequence[str] = ()  # posts and texts that are refused there, in words
    traps: Sequence[str] = ()  # what the client works around, in words
    proof: str = ""  # how we know

    @property
    def all_scopes(self) -> Sequence[str]:
        """What any version of the software may be asked for: what a client is registered with."""
        return list(dict.fromkeys([*self.reading_scopes, *(name for one in self.writings for name in one.scopes)]))

    def writing_for(self, version: str) -> Writing | None:
        """The way to write on a server of this version; None when there is none that is proven."""
        return next((one for one in self.writings if has_reached(version, one.since)), None)

    def fork_in(self, version: str) -> str:
        """What in a version says that somebody changed the software (`+kmyblue.5`); empty where nothing does."""
        rest = _NUMBERS.sub("", version.strip(), count=1)
        built = _UNFINISHED.sub("", rest, count=1) if _UNFINISHED.match(rest) else rest
        known = not built or any(re.fullmatch(one.follows, built) for one in self.builds)
        return "" if known else built


def release(version: str) -> Version:
    """The numbers that a version begins with: (4, 3, 0) of "v4.3.0+glitch"; () when it has none."""
    found = _NUMBERS.match(version.strip())
    return tuple(int(number) for number in found.group(1).split(".")) if found else ()


def has_reached(version: str, since: Version) -> bool:
    """Whether software of this version has what came with `since`; one that cannot be read has nothing.

    A release candidate of the very version that brought it may be older than what it brought, so it does not count.
    """
    numbers = release(version)
    pairs = list(zip_longest(numbers, since, fillvalue=0))
    ours, theirs = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    if since and ours == theirs:
        return bool(numbers) and not is_unfinished(version)
    return bool(numbers) and ours >= theirs


def is_unfinished(version: str) -> bool:
    """Whether it is a release candidate or the like, which comes before the release of the same numbers."""
    return bool(_UNFINISHED.match(_NUMBERS.sub("", version.strip(), count=1)))
