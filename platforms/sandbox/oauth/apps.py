"""Registering an app, and telling it who it is."""

import sqlite3
from typing import Any
from urllib.parse import urlsplit

from platforms.sandbox import store
from platforms.sandbox.oauth import records
from platforms.sandbox.oauth.habits import OAuthHabits, RedirectUris
from platforms.sandbox.oauth.records import App
from platforms.sandbox.wire import ApiError, Request, Response, json_response

OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"
DEFAULT_SCOPES = "read"
SCOPES = frozenset(
    [
        "read",
        "read:accounts",
        "read:blocks",
        "read:bookmarks",
        "read:favourites",
        "read:filters",
        "read:follows",
        "read:lists",
        "read:mutes",
        "read:notifications",
        "read:search",
        "read:statuses",
        "write",
        "write:accounts",
        "write:blocks",
        "write:bookmarks",
        "write:conversations",
        "write:favourites",
        "write:filters",
        "write:follows",
        "write:lists",
        "write:media",
        "write:mutes",
        "write:notifications",
        "write:reports",
        "write:statuses",
        "profile",
        "follow",
        "push",
    ]
)


def register(db: sqlite3.Connection, request: Request, habits: OAuthHabits) -> Response:
    """`POST /api/v1/apps`. Raises ApiError 422 as Mastodon does, and 500 where a server stumbles over a list."""
    name = (request.text("client_name") or "").strip()
    if not name:
        raise ApiError(422, "Validation failed: Application name can't be blank")
    uris = redirect_uris(request.params.get("redirect_uris"), habits)
    scopes = " ".join((request.text("scopes") or DEFAULT_SCOPES).split())
    if habits.scopes_known is None and not (SCOPES | habits.own_scopes).issuperset(scopes.split()):
        raise ApiError(422, "Validation failed: Scopes doesn't match configured on the server.")
    if habits.vacuums_apps:
        records.vacuum_apps(db)
    app, secret = records.add_app(db, name, request.text("website"), uris, scopes)
    secrets = {"client_id": app.client_id, "client_secret": secret}
    late = {"client_secret_expires_at": 0} if habits.redirect_uris is RedirectUris.STRING_OR_LIST else {}
    return json_response({**_entity(app, habits), **secrets, **late})


def redirect_uris(given: Any, habits: OAuthHabits) -> list[str]:
    """The redirect URIs of a registration, each an absolute one. Raises ApiError."""
    if isinstance(given, list):
        if habits.redirect_uris is RedirectUris.LINES:  # PHP: explode() wants a string
            raise ApiError(500, "Server Error")
        if habits.redirect_uris is RedirectUris.STRING:
            raise ApiError(422, "Validation failed: Redirect URI must be an absolute URI.")
        uris = [str(one) for one in given]
    elif habits.redirect_uris is RedirectUris.LINES:
        uris = [one for one in str(given or "").split("\n") if one]
    else:
        uris = str(given or "").split()
    if not uris:
        raise ApiError(422, "Validation failed: Redirect URI can't be blank")
    if not all(_is_absolute(one) for one in uris):
        raise ApiError(422, "Validation failed: Redirect URI must be an absolute URI.")
    return uris


def _is_absolute(uri: str) -> bool:
    if uri == OUT_OF_BAND:
        return True
    try:
        parts = urlsplit(uri)
    except ValueError:
        return False
    return bool(parts.scheme and (parts.netloc or parts.path)) and not parts.fragment and _is_plain(uri)


def _is_plain(uri: str) -> bool:
    """Whether a URI can stand in a header as it is."""
    return uri.isascii() and uri.isprintable() and " " not in uri


def _entity(app: App, habits: OAuthHabits) -> dict[str, Any]:
    """An app as every family shows it, and what Mastodon 4.3 added."""
    entity: dict[str, Any] = {
        "id": str(app.id),
        "name": app.name,
        "website": app.website,
        "redirect_uri": "\n".join(app.redirect_uris),
        "vapid_key": "",
    }
    if habits.redirect_uris is RedirectUris.STRING_OR_LIST:
        entity |= {"scopes": app.scopes.split(), "redirect_uris": list(app.redirect_uris)}
    return entity


def verify_credentials(db: sqlite3.Connection, token: store.Token | None, habits: OAuthHabits) -> Response:
    """`GET /api/v1/apps/verify_credentials`: the app of a token. Raises ApiError 401, 404 for a token without one."""
    if token is None or token.revoked:
        raise ApiError(401, "The access token is invalid")
    app = records.app(db, records.client_of(db, token.id) or "")
    if app is None:
        raise ApiError(404, "Record not found")
    return json_response(_entity(app, habits))
