"""OAuth 2 at a server with the Mastodon API: registering, codes and refresh tokens into access tokens, and their end.

https://docs.joinmastodon.org/methods/oauth/ and RFC 6749, 7009 and 7636. Everything secret goes in the body of a form
to the server itself, redirects are never followed, and no word of an answer is repeated to people: a server might send
back what it was sent.
"""

import re
from base64 import urlsafe_b64encode
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from platforms.clients.api import Api
from platforms.clients.base import CredentialsRefused, PlatformRefused
from vedfolnir.lib.outbound import OutboundRefused, Response

LONGEST_SECRET = 4096  # characters of a token or a client's secret
LONGEST_CLIENT_ID = LONGEST_SCOPES = 500  # characters, the columns' lengths
LONGEST_LIFE = 100 * 365 * 86_400  # seconds; what lives longer never ends
# What says for certain that there is no token to be had (RFC 6749, section 5.2); some servers say so with a 200 or 422.
REFUSALS = ("invalid_grant", "invalid_client", "unauthorized_client", "access_denied", "invalid_token")

_VISIBLE = re.compile(r"[!-~]+")  # what can stand in a header (RFC 6749, appendix A, without the space)


class ClientRefused(PlatformRefused):
    """The server does not know the client (any more), or does not say whether it is that: register anew."""


@dataclass(frozen=True)
class OAuthClient:
    """Vedfolnir as a server knows it."""

    id: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Tokens:
    """What a server gives. `scopes` is None where it does not say; `lasts` is seconds, None for ever."""

    access: str = field(repr=False)
    refresh: str | None = field(default=None, repr=False)
    scopes: tuple[str, ...] | None = None
    lasts: int | None = None


def register(api: Api, *, name: str, redirect_uri: str, scopes: Iterable[str], website: str) -> OAuthClient:
    """Make us known to a server, at `POST /api/v1/apps`. One redirect URI, as text: Pixelfed takes nothing else.

    Raises PlatformUnavailable and PlatformRefused.
    """
    form = {"client_name": name, "redirect_uris": redirect_uri, "scopes": " ".join(scopes), "website": website}
    response = api.post_form("/api/v1/apps", form)
    if response.status >= 400:
        raise _no_oauth(api, response)
    said = _object(api, response)
    given = said.get("client_id")
    client_id = _usable(str(given) if type(given) is int else given, LONGEST_CLIENT_ID)
    secret = _usable(said.get("client_secret"), LONGEST_SECRET)
    if client_id is None or secret is None:
        raise _odd(api)
    return OAuthClient(client_id, secret)


def authorize_url(
    base_url: str,
    client_id: str,
    *,
    redirect_uri: str,
    scopes: str,
    state: str,
    verifier: str,
    asks_who: bool = False,
) -> str:
    """Where a person says yes or no. PKCE is always sent; several servers do not look at it.

    With `asks_who`, they are asked for their account even if they are signed in there: Mastodon's `force_login`.
    """
    query = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "scope": scopes,
        "state": state,
        "code_challenge": challenge(verifier),
        "code_challenge_method": "S256",
        **({"force_login": "true"} if asks_who else {}),
    }
    return f"{base_url.rstrip('/')}/oauth/authorize?{urlencode(query)}"


def challenge(verifier: str) -> str:
    """What is shown of a PKCE verifier (RFC 7636, section 4.2)."""
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()


@sensitive_variables()
def exchange(api: Api, client: OAuthClient, *, code: str, redirect_uri: str, verifier: str) -> Tokens:
    """A code into tokens. Raises ClientRefused, PlatformUnavailable and PlatformRefused."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": verifier,
        **_credentials(client),
    }
    response = api.post_form("/oauth/token", form)
    error = _error(response)
    if response.status == 401 or error in ("invalid_client", "unauthorized_client"):
        text = _("%(host)s does not accept the sign-in: it took too long, or %(host)s has forgotten Vedfolnir.")
        raise ClientRefused(text % {"host": api.host} + " " + _("Connect once more."))
    if response.status == 400:
        text = _("%(host)s does not accept the sign-in: it took too long, or was used already.")
        raise PlatformRefused(text % {"host": api.host} + " " + _("Connect once more."))
    if response.status >= 400:
        raise _no_oauth(api, response)
    return _tokens(api, response)


@sensitive_variables()
def renew(api: Api, client: OAuthClient, refresh_token: str) -> Tokens:
    """A refresh token into tokens; most servers take each only once.

    Raises CredentialsRefused where only signing in again helps, whatever the status that says so; PlatformUnavailable;
    and PlatformRefused for what is no answer at all: a page to sign in, or of something that stands in between.
    """
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token, **_credentials(client)}
    response = api.post_form("/oauth/token", form)
    if response.status in (400, 401) or _error(response) in REFUSALS:
        text = _("%(host)s does not renew the access that it gave. Sign in again.")
        raise CredentialsRefused(text % {"host": api.host})
    if response.status >= 400:
        raise _no_oauth(api, response)
    return _tokens(api, response)


@sensitive_variables()
def revoke(api: Api, client: OAuthClient, token: str) -> None:
    """End a token at its server (RFC 7009). Raises PlatformUnavailable and PlatformRefused."""
    response = api.post_form("/oauth/revoke", {"token": token, **_credentials(client)})
    if response.status >= 400:
        raise _no_oauth(api, response)


def missing(needed: Iterable[str], granted: Collection[str]) -> list[str]:
    """The scopes of `needed` that `granted` does not cover: `write` covers `write:media`."""
    return [one for one in needed if one not in granted and one.partition(":")[0] not in granted]


def _credentials(client: OAuthClient) -> dict[str, str]:
    return {"client_id": client.id, "client_secret": client.secret}


@sensitive_variables()
def _tokens(api: Api, response: Response) -> Tokens:
    said = _object(api, response)
    access, scopes = _usable(said.get("access_token"), LONGEST_SECRET), said.get("scope")
    if access is None or str(said.get("token_type", "bearer")).lower() != "bearer":
        raise _odd(api)
    return Tokens(
        access=access,
        refresh=_usable(said.get("refresh_token"), LONGEST_SECRET),
        scopes=_scopes(scopes) if isinstance(scopes, str) and scopes.strip() else None,
        lasts=_seconds(said.get("expires_in")),
    )


def _scopes(text: str) -> tuple[str, ...]:
    """Each once, as many as can be stored. Some servers put commas between them."""
    found: list[str] = []
    for one in dict.fromkeys(text.replace(",", " ").split()):
        if _VISIBLE.fullmatch(one) and len(" ".join([*found, one])) <= LONGEST_SCOPES:
            found.append(one)
    return tuple(found)


def _seconds(value: Any) -> int | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if is_number and 0 < value <= LONGEST_LIFE else None


def _usable(value: Any, longest: int) -> str | None:
    """`value` if it can be sent and stored."""
    is_usable = isinstance(value, str) and len(value) <= longest and _VISIBLE.fullmatch(value)
    return value if is_usable else None


def _error(response: Response) -> str:
    """The error's code (RFC 6749, section 5.2); empty where there is none."""
    try:
        said = response.json()
    except OutboundRefused:
        return ""
    error = said.get("error") if isinstance(said, Mapping) else None
    return error if isinstance(error, str) else ""


def _object(api: Api, response: Response) -> Mapping[str, Any]:
    try:
        said = response.json()
    except OutboundRefused:
        said = None
    if not isinstance(said, Mapping):
        raise _odd(api)
    return said


def _odd(api: Api) -> PlatformRefused:
    text = _("%(host)s answers with something else than what signing in needs. Paste an access token instead.")
    return PlatformRefused(text % {"host": api.host})


def _no_oauth(api: Api, response: Response) -> PlatformRefused:
    text = _(
        "%(host)s does not let apps sign in as servers with the Mastodon API do (status %(status)s). Paste an access "
        "token instead, if it gives them out."
    )
    return PlatformRefused(text % {"host": api.host, "status": response.status})
