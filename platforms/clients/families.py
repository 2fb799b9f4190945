"""The server families that we know: what each is like, and the client that speaks to it."""

from collections.abc import Mapping
from dataclasses import dataclass

from platforms.clients import gotosocial, mastodon, pixelfed, pleroma, snac, takahe, unknown
from platforms.clients.profile import Profile
from platforms.clients.unknown import UnknownClient
from platforms.clients.writing import Writer


@dataclass(frozen=True)
class Family:
    profile: Profile
    client: type[Writer] | type[UnknownClient]


_KNOWN = (
    Family(mastodon.PROFILE, mastodon.MastodonClient),
    Family(gotosocial.PROFILE, gotosocial.GotosocialClient),
    Family(pixelfed.PROFILE, pixelfed.PixelfedClient),
    Family(takahe.PROFILE, takahe.TakaheClient),
    Family(pleroma.PROFILE, pleroma.PleromaClient),
    Family(snac.PROFILE, snac.SnacClient),
    Family(unknown.PROFILE, UnknownClient),
)
FAMILIES: Mapping[str, Family] = {one.profile.family: one for one in _KNOWN}
UNKNOWN = FAMILIES[unknown.PROFILE.family]
_BY_SOFTWARE = {name: one for one in _KNOWN for name in one.profile.software}


def family(name: str) -> Family:
    """The family of that name (`platforms.models.Family`); the unknown one for a name that is none."""
    return FAMILIES.get(name, UNKNOWN)


def running(software: str) -> Family:
    """The family of a software by its name in nodeinfo, lower case."""
    return _BY_SOFTWARE.get(software, UNKNOWN)


def software_name(software: str) -> str:
    """A software as people write it: "GoToSocial" for "gotosocial"; one that we do not know with a capital letter."""
    profile = running(software).profile
    return profile.title if profile.software[:1] == (software,) else software[:1].upper() + software[1:]


def software_at(source_url: str) -> str:
    """The name of the software whose source is there; empty where that is nobody's whom we know."""
    found = (one.profile for one in _KNOWN if source_url in one.profile.sources)
    return next((profile.software[0] for profile in found), "")
