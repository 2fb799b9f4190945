"""What a server family is like, as data: each family module has a `Profile`; docs/platforms.md is made of them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

Version = tuple[int, ...]


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
    notifies: str = ""  # whom an edit notifies, in words; empty: nobody
    scopes: Sequence[str] = ()  # the least that reading and this way of writing need


@dataclass(frozen=True)
class RateHabits:
    """What a server allows, as far as it is known without asking."""

    requests: int | None = None  # of one period, where the server counts; None: it does not count
    period: float = 300.0  # seconds
    counted_by: str = ""  # "token", "address", "user"
    headers: str = ""  # in words, for the page
    writes: int | None = None  # requests that change something, of one `writes_period`
    writes_period: float = 60.0  # seconds


@dataclass(frozen=True)
class Paging:
    """How a list of posts is given out."""

    size: int = 40  # posts of a page that are asked for
    links: bool = True  # whether a Link header leads to the next page
    notes: str = ""


@dataclass(frozen=True)
class Profile:
    """A family of servers."""

    family: str  # a value of platforms.models.Family
    title: str  # as people write it
    software: Sequence[str]  # names in nodeinfo, lower case
    writings: Sequence[Writing]  # best first; the first whose `since` the server has reached is used
    reading_scopes: Sequence[str] = ("read:accounts", "read:statuses")
    alt_text_limit: int | None = None  # code points, where the server does not say
    alt_text_limit_at: Sequence[Sequence[str]] = ()  # where in the instance object it stands
    bad_token: frozenset[int] = frozenset({401})  # statuses that mean so, whatever was asked
    paging: Paging = Paging()
    rates: RateHabits = RateHabits()
    text_is_stored: str = "as it is written"  # what the server makes of an alt text, in words
    cannot: Sequence[str] = ()  # posts that are refused there, in words
    traps: Sequence[str] = ()  # what the client works around, in words
    proof: str = ""  # how we know

    def writing_for(self, version: str) -> Writing | None:
        """The way to write on a server of this version; None when there is none that is proven."""
        return next((one for one in self.writings if release(version) >= tuple(one.since)), None)


def release(version: str) -> Version:
    """The numbers that a version begins with: (4, 3, 0) of "v4.3.0+glitch"; () when it has none."""
    found = re.match(r"v?(\d{1,6}(?:\.\d{1,6})*)", version.strip())
    return tuple(int(number) for number in found.group(1).split(".")) if found else ()
