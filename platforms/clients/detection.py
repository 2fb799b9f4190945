"""Which software a server runs, what its limits are, and what may be done there.

Nodeinfo says the name; where there is none, the instance object says it in its own ways. Only what is proven counts:
a name that we do not know, and a version that cannot be read, mean that nothing is written.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from platforms.clients import families, mastodon
from platforms.clients.api import Api, NotFound
from platforms.clients.base import Capabilities, Instance, PlatformRefused
from platforms.clients.entities import Fields
from platforms.clients.profile import Profile, Way, Writing, release
from vedfolnir.lib.text import clean_line

Said = TypeVar("Said")

MASTODON = mastodon.PROFILE.family
UNKNOWN = families.UNKNOWN.profile.family

_SCHEMA = re.compile(r"https?://nodeinfo\.diaspora\.software/ns/schema/(2\.\d+)")
# How the `version` of an instance object names a software that is not Mastodon.
_NAMES = (
    re.compile(r".*\(compatible; ([^\s;()]+)(?: ([^\s;()]+))?"),  # "2.7.2 (compatible; Pleroma 2.6)"
    re.compile(r".*\(not true; really ([^\s;()/]+)/([^\s;()]+)"),  # "4.0.0 (not true; really snac/2.96)"
    re.compile(r"([a-zA-Z][\w.-]*)/(\S*)"),  # "takahe/0.11.0"
)
LONGEST = 100  # characters of a name or a version, the columns' length


@dataclass(frozen=True)
class Detected:
    """A server: `family` picks the client, `capabilities` say what that client will do."""

    instance: Instance
    family: str
    capabilities: Capabilities


def detect(api: Api) -> Detected:
    """Ask the server who it is: nodeinfo for the name, `/api/v2/instance` or v1 for the limits.

    Raises PlatformUnavailable, and PlatformRefused when it answers none of the three.
    """
    refusals: list[PlatformRefused] = []
    named = _optional(lambda: _nodeinfo(api), refusals)
    expected = families.running(named[0].lower() if named else "").profile
    described = _optional(lambda: _described(api, expected.instance_versions), refusals)
    if named is None and described is None:
        raise next((told for told in refusals if not isinstance(told, NotFound)), _nobody(api.host))
    described = described or Fields({}, "instance")
    software, version = _not_contradicted(named, described) if named else _named_by_instance(described)
    found = _instance(software.lower(), version, described)
    contradicted = named is not None and named[0].lower() != software.lower()
    family = UNKNOWN if contradicted else family_of(found)
    return Detected(found, family, capabilities_of(found, family))


def _optional(ask: Callable[[], Said], refusals: list[PlatformRefused]) -> Said | None:
    """The answer, or None where the server has none; trouble that may pass is no answer and is raised."""
    try:
        return ask()
    except PlatformRefused as error:
        refusals.append(error)
        return None


def _nobody(host: str) -> PlatformRefused:
    text = _("%(host)s does not say which software it runs, so it is no server that we can work with.")
    return PlatformRefused(text % {"host": host} + " " + _("Check the address."))


def _nodeinfo(api: Api) -> tuple[str, str]:
    """Name and version by the newest nodeinfo 2.x document (https://nodeinfo.diaspora.software/protocol).

    Links that are odd or lead to something else are passed over.
    """
    links = Fields(api.get("/.well-known/nodeinfo").data, "nodeinfo").get("links")
    documents = [found for link in (links if isinstance(links, list) else []) if (found := _document(link))]
    if not documents:
        raise PlatformRefused(_("The server has no nodeinfo that we understand."))
    _schema, path = max(documents)
    software = Fields(api.get(path).data, "nodeinfo").object("software")
    if not (name := software.line("name", LONGEST)):
        raise software.odd("name")
    return name, software.line("version", LONGEST)


def _document(link: Any) -> tuple[str, str] | None:
    """The schema that a nodeinfo link is for, and where it leads; None if that is nothing for us.

    The address may name another host; the path is asked for on this one, so nothing leads us elsewhere.
    """
    rel, href = (link.get("rel"), link.get("href")) if isinstance(link, Mapping) else (None, None)
    if not isinstance(rel, str) or not isinstance(href, str) or clean_line(href) != href:
        return None
    try:
        address = urlsplit(href)
    except ValueError:
        return None
    query = f"?{address.query}" if address.query else ""
    found = _SCHEMA.fullmatch(rel)
    return (found.group(1), "/" + address.path.lstrip("/") + query) if found else None


def _described(api: Api, versions: Sequence[int]) -> Fields:
    """The instance object, of the first of two versions that the server has.

    No slash at the end: Takahē knows only the address without.
    """
    first, second = (f"/api/v{version}/instance" for version in versions)
    try:
        return Fields(api.get(first).data, "instance")
    except PlatformRefused:
        return Fields(api.get(second).data, "instance")


def _named_by_instance(described: Fields) -> tuple[str, str]:
    """Name and version as the instance object tells them; an empty name where it does not.

    Mastodon, glitch-soc and GoToSocial have a plain number and say where their source is.
    """
    version = described.line("version", LONGEST)
    if other := _other_software(version):
        return other
    source = described.line("source_url").rstrip("/")
    if known := families.software_at(source):
        return known, version
    name = source.rpartition("/")[2]
    # Somebody's copy, of which nobody knows what was changed: its name must not be one that we write to.
    is_ours = families.running(name.lower()) is not families.UNKNOWN
    return (f"{name.lower()} from {source}" if is_ours else name), version


def _other_software(version: str) -> tuple[str, str] | None:
    """The name and number of a software other than Mastodon in the version that an instance object shows."""
    found = next((match for pattern in _NAMES if (match := pattern.match(version))), None)
    if found is not None:
        return None if found.group(1).lower() == MASTODON else (found.group(1), found.group(2) or "")
    return None


def _not_contradicted(named: tuple[str, str], described: Fields) -> tuple[str, str]:
    """What nodeinfo says, unless the API that we would write to names another software, or a lower version."""
    told = described.line("version", LONGEST)
    if other := _other_software(told) or _other_software(named[1]):
        if other[0].lower() != named[0].lower():
            return other
        told = other[1]
    elif named[0].lower() != MASTODON:
        return named  # what its instance object shows is no number of its own that we know
    if not told:
        return named
    profile = families.running(named[0].lower()).profile
    is_less = release(told) < release(named[1]) or (profile.fork_in(told) and not profile.fork_in(named[1]))
    return (named[0], told) if is_less else named


def _instance(software: str, version: str, described: Fields) -> Instance:
    profile = families.running(software).profile
    limits = (*(described.at(*path) for path in profile.alt_text_limit_at), profile.alt_text_limit)
    return Instance(
        software=clean_line(software, LONGEST),
        version=version,
        title=described.line("title", LONGEST),
        alt_text_limit=next((limit for limit in limits if _is_count(limit)), None),
        max_characters=_count(described.at("configuration", "statuses", "max_characters")),
    )


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31


def _count(value: Any) -> int | None:
    return value if _is_count(value) else None


def family_of(instance: Instance) -> str:
    """The family of a server by the name of its software."""
    return families.running(instance.software).profile.family


def capabilities_of(instance: Instance, family: str) -> Capabilities:
    """What may be done on such a server. Nothing is written where a wrong edit could destroy a post."""
    profile = families.family(family).profile
    if family == UNKNOWN or family_of(instance) != family:
        return _reading_only(_not_proven(), instance, profile)
    if instance.software in profile.unproven:
        return _reading_only(str(profile.why_unproven), instance, profile)
    if not release(instance.version):
        return _reading_only(_no_version(), instance, profile)
    if fork := profile.fork_in(instance.version):
        return _reading_only(_fork(fork, profile), instance, profile)
    writing = profile.writing_for(instance.version)
    if writing is None:
        return _reading_only(str(profile.too_old), instance, profile)
    return Capabilities(
        can_write=True,
        way=writing.way,
        federates=writing.federates,
        notifies=bool(writing.notifies),
        scopes=tuple(writing.scopes),
        alt_text_limit=instance.alt_text_limit,
        notes=_notes(writing),
    )


def _not_proven() -> str:
    return _(
        "This server runs %(software)s %(version)s. Vedfolnir does not write there yet, because a wrong edit could "
        "destroy posts. It shows each alt text, so that you can copy it by hand."
    )


def _no_version() -> str:
    return _(
        "This server runs %(software)s and calls its version “%(version)s”, which says nothing of what it can do. "
        "Nothing is written there. Each alt text is shown, so that you can copy it by hand."
    )


def _fork(added: str, profile: Profile) -> str:
    """A pattern for the sentence that names what somebody added to the version of a software that we know."""
    sentence = _(
        "This server runs %%(software)s %%(version)s. “%(added)s” is not of %(title)s itself: somebody changed it, and "
        "nobody has proven that alt texts can be written there. Each is shown, so that you can copy it by hand."
    )
    return sentence % {"added": added.strip().replace("%", "%%"), "title": profile.title}


def _reading_only(reason: str, instance: Instance, profile: Profile) -> Capabilities:
    named = {"software": instance.software or _("an unknown software"), "version": instance.version or "?"}
    return Capabilities(
        can_write=False,
        reason=reason % named,
        scopes=tuple(profile.reading_scopes),
        alt_text_limit=instance.alt_text_limit,
    )


def _notes(writing: Writing) -> tuple[str, ...]:
    """How it is written and who gets to know of it, in sentences."""
    if writing.way is Way.MEDIA:
        how = _("Approved alt texts are written to each picture by itself; the post does not count as edited.")
    elif writing.way is Way.EDIT:
        how = _("Approved alt texts are written by one edit of each post.")
    else:
        how = _("Approved alt texts are written to each picture, and then by one edit of the post.")
    if writing.federates:
        where = _("Other servers get to know them.")
    else:
        where = _("Other servers that have the post already are not told: people there do not see the new text.")
    nobody = _("We know of nobody who is notified.") if writing.federates else _("Nobody is notified.")
    return how, where, str(writing.notifies) or nobody
