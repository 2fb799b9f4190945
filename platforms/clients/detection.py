"""Which software a server runs, what its limits are, and what may be done there.

Nodeinfo says the name; where there is none, the instance object says it in its own ways. Only what is proven counts:
a name that we do not know, and a version that cannot be read, mean that nothing is written.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from platforms.clients.api import Api, NotFound
from platforms.clients.base import Capabilities, Instance, PlatformRefused
from platforms.clients.entities import Fields
from platforms.clients.profile import Way
from vedfolnir.lib.text import clean_line

Said = TypeVar("Said")

MASTODON = "mastodon"
UNKNOWN = "unknown"
READING = ("read:accounts", "read:statuses")
WRITING = (*READING, "write:statuses")

WRITABLE_FROM = (4, 1)  # `media_attributes` (mastodon pull request 20878); older ones drop it silently
MASTODON_ALT_TEXT_LIMIT = 1500  # characters, where the server does not say (`description_limit` is from 4.4)

# Mastodon and glitch-soc publish where their source is; whoever else speaks the API names another place.
MASTODON_SOURCES = ("https://github.com/mastodon/mastodon", "https://github.com/glitch-soc/mastodon")
_SCHEMA = re.compile(r"https?://nodeinfo\.diaspora\.software/ns/schema/(2\.\d+)")
_COMPATIBLE = re.compile(r"\(compatible; ([^\s;()]+)(?: ([^\s;()]+))?")
_NAMED = re.compile(r"([a-zA-Z][\w.-]*)/(\S*)")
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
    named = _optional(_nodeinfo, api, refusals)
    described = _optional(_described, api, refusals)
    if named is None and described is None:
        raise next((told for told in refusals if not isinstance(told, NotFound)), _nobody(api.host))
    described = described or Fields({}, "instance")
    software, version = _not_contradicted(named, described) if named else _named_by_instance(described)
    found = _instance(software.lower(), version, described)
    return Detected(found, family_of(found), capabilities_of(found, family_of(found)))


def _optional(ask: Callable[[Api], Said], api: Api, refusals: list[PlatformRefused]) -> Said | None:
    """The answer, or None where the server has none; trouble that may pass is no answer and is raised."""
    try:
        return ask(api)
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


def _described(api: Api) -> Fields:
    """The instance object, of version 2 or else 1. No slash at the end: Takahē knows only the address without."""
    try:
        return Fields(api.get("/api/v2/instance").data, "instance")
    except PlatformRefused:
        return Fields(api.get("/api/v1/instance").data, "instance")


def _named_by_instance(described: Fields) -> tuple[str, str]:
    """Name and version as the instance object tells them; an empty name where it does not.

    Seen: "4.5.0+glitch", "2.7.2 (compatible; Pleroma 2.6)", "takahe/0.11.0", "0.20.0" with a `source_url`.
    """
    version = described.line("version", LONGEST)
    if other := _other_software(version):
        return other
    source = described.line("source_url").rstrip("/")
    if source in MASTODON_SOURCES:
        return MASTODON, version
    name = source.rpartition("/")[2]
    # Somebody's copy, of which nobody knows what was changed: its name must not be the one that we write to.
    return (f"mastodon from {source}" if name.lower() == MASTODON else name), version


def _other_software(version: str) -> tuple[str, str] | None:
    """The name and number of a software other than Mastodon in the version that an instance object shows."""
    found = _COMPATIBLE.search(version) or _NAMED.match(version)
    if found is None or found.group(1).lower() == MASTODON:
        return None
    return found.group(1), found.group(2) or ""


def _not_contradicted(named: tuple[str, str], described: Fields) -> tuple[str, str]:
    """What nodeinfo says, unless it says Mastodon and the API that we would write to says something less."""
    told = described.line("version", LONGEST)
    if named[0].lower() != MASTODON:
        return named
    if other := _other_software(told):
        return other
    return (MASTODON, told) if told and _release(told) < _release(named[1]) else named


def _instance(software: str, version: str, described: Fields) -> Instance:
    limits = (
        described.at("configuration", "media_attachments", "description_limit"),
        described.at("description_limit"),  # Pleroma
        MASTODON_ALT_TEXT_LIMIT if software == MASTODON else None,
    )
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
    return MASTODON if instance.software == MASTODON else UNKNOWN


def capabilities_of(instance: Instance, family: str) -> Capabilities:
    """What may be done on such a server. Nothing is written where a wrong edit could destroy a post."""
    named = {"software": instance.software or _("an unknown software"), "version": instance.version or "?"}
    if family != MASTODON or family_of(instance) != MASTODON:
        reason = _(
            "This server runs %(software)s %(version)s. Vedfolnir does not write there yet, because a wrong edit could "
            "destroy posts. It shows each alt text, so that you can copy it by hand."
        )
        return Capabilities(can_write=False, reason=reason % named, scopes=READING)
    if _release(instance.version) < WRITABLE_FROM:
        reason = _(
            "This server runs Mastodon %(version)s, which cannot change the alt text of a published picture; "
            "4.1 and newer can. Each alt text is shown, so that you can copy it by hand."
        )
        return Capabilities(can_write=False, reason=reason % named, scopes=READING)
    return Capabilities(can_write=True, way=Way.EDIT, federates=True, notifies=True, scopes=WRITING)


def _release(version: str) -> tuple[int, int]:
    """The first two numbers of a version, (0, 0) when it has none."""
    found = re.match(r"v?(\d{1,4})\.(\d{1,4})", version)
    return (int(found.group(1)), int(found.group(2))) if found else (0, 0)
