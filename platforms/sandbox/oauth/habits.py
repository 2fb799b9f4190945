"""How each family of servers does OAuth, as data. Where the facts come from stands at each value below."""

from dataclasses import dataclass, replace
from enum import StrEnum

DAY = 86_400


class Deny(StrEnum):
    """What the consent page offers to somebody who does not want to."""

    REDIRECTS = "redirects"  # back to the client with error=access_denied
    NOWHERE = "nowhere"  # a link to the same page
    MISSING = "missing"


class ScopeCheck(StrEnum):
    """How the scopes that are asked for are compared with those that the app registered."""

    EXACT = "exact"  # each of them was registered, letter for letter
    COVERED = "covered"  # `read` covers `read:statuses`
    NONE = "none"


class RedirectUris(StrEnum):
    """What `redirect_uris` may be at registration."""

    STRING_OR_LIST = "string or list"
    STRING = "string"  # one, or several with spaces or line breaks between them
    LINES = "lines"  # several with line breaks between them; a list is an error of the server


class Refusal(StrEnum):
    """How `POST /oauth/token` refuses."""

    NAMED = "named"  # as RFC 6749: 401 invalid_client, 400 invalid_grant
    ACCESS_DENIED = "access_denied"  # 401 with that one word, whatever is wrong
    EMPTY = "empty"  # a status without a body


@dataclass(frozen=True)
class OAuthHabits:
    """The habits of one family; the values as they stand are those of Mastodon 4.3 and newer."""

    pkce_checked: bool = True
    scope_check: ScopeCheck = ScopeCheck.EXACT
    scopes_known: frozenset[str] | None = None  # others are refused at the consent page; None: nothing is checked
    own_scopes: frozenset[str] = frozenset()  # that can be registered besides Mastodon's
    redirect_uris: RedirectUris = RedirectUris.STRING_OR_LIST
    vacuums_apps: bool = False  # an app without a token is forgotten after a day
    consent_page: bool = True  # without, a form asks for name and password, and that is all
    deny: Deny = Deny.REDIRECTS
    code_checked: bool = True  # without, any code gives a token of whoever signed in last for this app
    code_seconds: float = 600  # a code is accepted for so long
    code_reuse_seconds: float = 0  # and again and again for so long
    expires_in: int | None = None  # seconds that an access token lives; None: for ever
    gives_refresh_token: bool = False
    refresh_seconds: float = 0  # that a refresh token lives
    tells_scope: bool = True  # whether the answer with the token names its scopes
    refusal: Refusal = Refusal.NAMED
    app_tokens: bool = True  # grant_type=client_credentials
    has_revoke: bool = True
    revoke_body: bytes = b"{}"
    revoke_forgets_app: bool = False  # the registration is gone with the token, and with it everybody else's way in
    has_metadata: bool = True  # /.well-known/oauth-authorization-server


# mastodon/documentation, methods/oauth and methods/apps; doorkeeper's own answers for errors.
MASTODON = OAuthHabits()
# Before 4.3: no PKCE, no metadata, one redirect URI, and Vacuum::ApplicationsVacuum.
MASTODON_42 = replace(
    MASTODON, pkce_checked=False, redirect_uris=RedirectUris.STRING, vacuums_apps=True, has_metadata=False
)
# Seen on 0.20: PKCE ignored, no Deny, no metadata. Assumed: how scopes are compared.
GOTOSOCIAL = OAuthHabits(
    pkce_checked=False,
    scope_check=ScopeCheck.COVERED,
    redirect_uris=RedirectUris.STRING,
    deny=Deny.MISSING,
    has_metadata=False,
)
# Read in the source of 0.11.13: AuthServiceProvider (lifetimes, scopes), ApiV1Controller::apps, no route for revoking.
# Assumed, after Passport: PKCE is checked, the answer has no scope, a refresh token is used once.
PIXELFED = OAuthHabits(
    scope_check=ScopeCheck.NONE,
    scopes_known=frozenset({"read", "write", "follow", "push"}),
    redirect_uris=RedirectUris.LINES,
    expires_in=356 * DAY,
    gives_refresh_token=True,
    refresh_seconds=400 * DAY,
    tells_scope=False,
    app_tokens=False,
    has_revoke=False,
    has_metadata=False,
)
# Seen on 0.11, and api/views/oauth.py.
TAKAHE = OAuthHabits(
    pkce_checked=False,
    scope_check=ScopeCheck.NONE,
    redirect_uris=RedirectUris.STRING,
    deny=Deny.NOWHERE,
    code_seconds=60,
    code_reuse_seconds=60,
    refusal=Refusal.ACCESS_DENIED,
    app_tokens=False,
    revoke_body=b"",
    has_metadata=False,
)
# Assumed from its documentation: nobody has run one here.
PLEROMA = OAuthHabits(
    pkce_checked=False,
    scope_check=ScopeCheck.COVERED,
    own_scopes=frozenset({"read:media"}),
    redirect_uris=RedirectUris.STRING,
    deny=Deny.MISSING,
    expires_in=36_500 * DAY,
    gives_refresh_token=True,
    refresh_seconds=36_500 * DAY,
    has_metadata=False,
)
# Seen on 2.75 and 2.96, and oauth_post_handler in mastoapi.c: the code is not even looked at.
SNAC = OAuthHabits(
    pkce_checked=False,
    scope_check=ScopeCheck.NONE,
    redirect_uris=RedirectUris.STRING,
    consent_page=False,
    deny=Deny.MISSING,
    code_checked=False,
    tells_scope=False,
    refusal=Refusal.EMPTY,
    app_tokens=False,
    revoke_forgets_app=True,
    has_metadata=False,
)
HABITS = {
    "mastodon": MASTODON,
    "gotosocial": GOTOSOCIAL,
    "pixelfed": PIXELFED,
    "takahe": TAKAHE,
    "pleroma": PLEROMA,
    "snac": SNAC,
}
