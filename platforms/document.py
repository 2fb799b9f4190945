"""docs/platforms.md, written from the profiles of the server families."""

from collections.abc import Iterator, Sequence

from django.utils import translation

from platforms.clients.families import FAMILIES, UNKNOWN
from platforms.clients.profile import Profile, Version, Way, Writing

HEADER = """\
# Server families

Written by `python manage.py document_platforms` from the profiles in `platforms/clients/`; do not edit. A test fails
when it is out of date.

Which family a server belongs to is found out when an account is connected, whenever the connection is tested, with each
scan, and before a write when that was more than a day ago: nodeinfo names the software, else the instance object does.
What nobody has proven is only read, and its alt texts are shown to be copied by hand; so is a release candidate of the
very version from which on writing is proven, a version that is no number, and one whose number is followed by something
that is not of the software itself (`4.3.0+kmyblue.5`), which is a fork that nobody has proven.

Whatever the family: the post is read before and after a change, everything that must stay is compared, and what was
there before is kept, so that it can be undone. Posts with a poll are never touched.
"""

WAYS = {
    Way.EDIT: "one edit of the post with all its pictures",
    Way.MEDIA: "each picture by itself, no edit",
    Way.MEDIA_AND_EDIT: "each picture, then one edit of the post",
}


def platforms_document() -> str:
    """The whole page, in English."""
    known = [one.profile for one in FAMILIES.values() if one is not UNKNOWN]
    with translation.override("en"):
        lines = [HEADER, *_overview(known), *(line for profile in known for line in _section(profile))]
        return "\n".join(lines) + "\n"


def _overview(known: Sequence[Profile]) -> Iterator[str]:
    yield from ["| family | alt texts are written | other servers see them | who is notified | longest alt text |"]
    yield "|---|---|---|---|---|"
    for profile in known:
        for writing in profile.writings:
            cells = _name(profile, writing), WAYS[writing.way], _yes(writing.federates), _notified(writing)
            yield f"| {' | '.join([*cells, _limit(profile)])} |"
        if profile.writings[-1].since:
            yield f"| {profile.title}, older | never | | | |"
        for name in profile.unproven:
            yield f"| {name.capitalize()} | never | | | |"
    yield "| every other server | never | | | |"


def _name(profile: Profile, writing: Writing) -> str:
    if writing.since:
        return f"{profile.title} {number(writing.since)} and newer"
    return f"{profile.title}, older"


def number(version: Version) -> str:
    """A version as people write it: 4.1."""
    return ".".join(str(one) for one in version)


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _notified(writing: Writing) -> str:
    return str(writing.notifies) or ("nobody that we know of" if writing.federates else "nobody")


def _limit(profile: Profile) -> str:
    told = "the server says" if profile.alt_text_limit_at else ""
    assumed = f"{profile.alt_text_limit:,}" if profile.alt_text_limit else ""
    if told and assumed:
        return f"{told}, else {assumed}"
    return told or assumed or "none known"


def _section(profile: Profile) -> Iterator[str]:
    yield from ["", f"## {profile.title}", ""]
    yield f"Known by {_code(profile.software)} in nodeinfo. Proof: {profile.proof}."
    if profile.unproven:
        yield f"Only read, never written to: {_code(profile.unproven)}."
    yield from ["", "| | |", "|---|---|"]
    for name, value in _facts(profile):
        yield f"| {name} | {value} |"
    yield from _list("Refused before anything is sent", profile.cannot)
    yield from _list("Known traps", profile.traps)


def _facts(profile: Profile) -> Iterator[tuple[str, str]]:
    for writing in profile.writings:
        since = f"from {number(writing.since)} on" if writing.since else "before"
        yield f"permissions, {since}", _code(writing.scopes)
    yield "versions that are its own", _own_versions(profile)
    yield "permissions to read only", _code(profile.reading_scopes)
    if profile.alt_text_limit_at:
        at = [".".join(path) for path in profile.alt_text_limit_at]
        version = profile.instance_versions[0]
        yield "where the limit of alt texts stands", f"{_code(at)} of `/api/v{version}/instance`"
    yield "an alt text is stored", profile.text_is_stored
    yield "videos and animations", _posters(profile)
    yield "lists of posts", _paging(profile)
    yield "rate limits", _rates(profile)
    yield "a token that is not accepted", _bad_token(profile)
    if not profile.keeps_order:
        yield "pictures of a post", "come in any order; we take the order of their ids"
    yield "versions of a post before its edits", "can be asked for" if profile.has_history else "cannot be asked for"


def _posters(profile: Profile) -> str:
    return "described by their poster frame" if profile.describes_posters else "left alone: not proven"


def _own_versions(profile: Profile) -> str:
    told = ["a number", "one with `-rc1`, `-beta.2`, `-nightly.2025-08-01` and the like"]
    return "; ".join([*told, *(f"{one.what}: `{one.example}`" for one in profile.builds)])


def _paging(profile: Profile) -> str:
    links = "with a Link header" if profile.paging.links else "without a Link header"
    notes = f"; {profile.paging.notes}" if profile.paging.notes else ""
    return f"{profile.paging.size} at once, {links}{notes}"


def _rates(profile: Profile) -> str:
    rates, told = profile.rates, []
    if rates.requests:
        told.append(f"{rates.requests} requests in {_minutes(rates.period)} per {rates.counted_by}")
    if rates.writes:
        told.append(f"{rates.writes} changes in {_minutes(rates.writes_period)}")
    if rates.headers:
        told.append(f"headers: {rates.headers}")
    return "; ".join(told) or "none known"


def _minutes(seconds: float) -> str:
    return "a minute" if seconds == 60 else f"{seconds / 60:g} minutes"


def _bad_token(profile: Profile) -> str:
    told = [str(status) for status in sorted(profile.bad_token)]
    told += [f"{status} with a web page" for status in sorted(profile.bad_token_pages)]
    return ", ".join(told)


def _code(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _list(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield from ["", f"{title}:", "", *(f"- {line}" for line in lines)]
