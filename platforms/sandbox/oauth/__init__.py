"""OAuth 2 as the families of servers do it: an app registers, a person allows it, a code becomes a token.

It is a practice server: to sign in is to choose an account, and there is no password that could be wrong.

Not imitated: confirming by mail and second factors, PKCE without a secret (public clients), userinfo and OpenID,
introspection, removing an app in the account's settings (tests revoke its tokens instead), and the few words that each
family's pages and error descriptions have of their own.
"""

import sqlite3
from collections.abc import Callable

from platforms.sandbox import store
from platforms.sandbox.oauth import apps, authorize, tokens
from platforms.sandbox.oauth.apps import SCOPES
from platforms.sandbox.oauth.habits import OAuthHabits
from platforms.sandbox.wire import Request, Response, json_response

Endpoint = Callable[[sqlite3.Connection, Request, OAuthHabits], Response]


def dispatch(
    db: sqlite3.Connection, request: Request, token: store.Token | None, habits: OAuthHabits
) -> Response | None:
    """Answer a request for one of the endpoints here; None when it is not for one that this family has.

    Raises ApiError.
    """
    method = "GET" if request.method == "HEAD" else request.method
    if (method, request.path) == ("GET", "/api/v1/apps/verify_credentials"):
        return apps.verify_credentials(db, token, habits)
    endpoint = _endpoints(habits).get((method, request.path))
    return endpoint(db, request, habits) if endpoint else None


def _endpoints(habits: OAuthHabits) -> dict[tuple[str, str], Endpoint]:
    found: dict[tuple[str, str], Endpoint] = {
        ("POST", "/api/v1/apps"): apps.register,
        ("GET", "/oauth/authorize"): authorize.show,
        ("POST", "/oauth/token"): tokens.issue,
    }
    if habits.consent_page:
        found["POST", "/oauth/authorize"] = authorize.decide
    else:
        found["POST", authorize.LOGIN_PATH] = authorize.sign_in
    if habits.has_revoke:
        found["POST", "/oauth/revoke"] = tokens.revoke
    if habits.has_metadata:
        found["GET", "/.well-known/oauth-authorization-server"] = metadata
    return found


def metadata(db: sqlite3.Connection, request: Request, habits: OAuthHabits) -> Response:
    """RFC 8414, as Mastodon 4.3 has it."""
    base = request.base_url
    return json_response(
        {
            "issuer": f"{base}/",
            "authorization_endpoint": f"{base}/oauth/authorize",
            "token_endpoint": f"{base}/oauth/token",
            "app_registration_endpoint": f"{base}/api/v1/apps",
            "revocation_endpoint": f"{base}/oauth/revoke",
            "scopes_supported": sorted(SCOPES),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "code_challenge_methods_supported": ["S256"] if habits.pkce_checked else [],
            "grant_types_supported": ["authorization_code", "client_credentials"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        }
    )
