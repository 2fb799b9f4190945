"""`POST /oauth/token` and `/oauth/revoke`: codes and refresh tokens into access tokens, and their end."""

import hashlib
import secrets
import sqlite3
from base64 import urlsafe_b64encode
from time import time
from typing import Any

from platforms.sandbox import store
from platforms.sandbox.oauth import records
from platforms.sandbox.oauth.apps import DEFAULT_SCOPES
from platforms.sandbox.oauth.habits import OAuthHabits, Refusal
from platforms.sandbox.oauth.records import App, Grant
from platforms.sandbox.wire import Request, Response, json_response

UNCACHED = {"Cache-Control": "no-store", "Pragma": "no-cache"}
DESCRIPTIONS = {
    "invalid_client": "Client authentication failed due to unknown client, no client authentication included, or"
    " unsupported authentication method.",
    "invalid_grant": "The provided authorization grant is invalid, expired, revoked, does not match the redirection URI"
    " used in the authorization request, or was issued to another client.",
    "invalid_request": "Missing required parameter.",
    "invalid_scope": "The requested scope is invalid, unknown, or malformed.",
    "unsupported_grant_type": "The authorization grant type is not supported by the authorization server.",
    "unauthorized_client": "You are not authorized to revoke this token",
}


class Refused(Exception):
    """The error of RFC 6749, section 5.2, that a request ends in."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


def issue(db: sqlite3.Connection, request: Request, habits: OAuthHabits) -> Response:
    """`POST /oauth/token`."""
    try:
        return json_response(_granted(db, request, habits), headers=UNCACHED)
    except Refused as refused:
        return _refusal(refused.error, habits)


def _granted(db: sqlite3.Connection, request: Request, habits: OAuthHabits) -> dict[str, Any]:
    """The answer to a good request. Raises Refused."""
    app = _client(db, request)
    kind = request.text("grant_type")
    if kind == "authorization_code":
        if habits.code_checked:
            grant = _redeem(db, app, request, habits)
            return _token(db, app, grant.username, grant.scopes, habits)
        last = records.last_grant(db, app.client_id)
        return _token(db, app, last.username if last else "", app.scopes, habits)
    if kind == "refresh_token" and habits.gives_refresh_token:
        given = request.text("refresh_token") or ""
        found = records.take_refresh_token(db, app.client_id, given, habits.refresh_seconds)
        if found is None:
            raise Refused("invalid_grant")
        return _token(db, app, *found, habits)
    if kind == "client_credentials" and habits.app_tokens:
        scopes = request.text("scope") or DEFAULT_SCOPES
        if not set(scopes.split()) <= set(app.scopes.split()):
            raise Refused("invalid_scope")
        token, _ = records.add_token(db, app.client_id, "", scopes)
        return {"access_token": token, "token_type": "Bearer", "scope": scopes, "created_at": int(time())}
    raise Refused("unsupported_grant_type" if kind else "invalid_request")


def _client(db: sqlite3.Connection, request: Request) -> App:
    """The app that asks, by id and secret in the request or its Authorization header. Raises Refused."""
    client_id, secret = request.basic or (request.text("client_id"), request.text("client_secret"))
    app = records.app(db, client_id or "")
    if app is None or not app.knows(secret or ""):
        raise Refused("invalid_client")
    return app


def _redeem(db: sqlite3.Connection, app: App, request: Request, habits: OAuthHabits) -> Grant:
    """Use a code. Raises Refused."""
    code = request.text("code")
    if not code:
        raise Refused("invalid_request")
    grant = records.grant(db, code)
    if grant is None or grant.client_id != app.client_id or grant.redirect_uri != request.text("redirect_uri"):
        raise Refused("invalid_grant")
    age = time() - grant.created_at
    if age > habits.code_seconds or (grant.used_at is not None and age > habits.code_reuse_seconds):
        raise Refused("invalid_grant")
    if grant.challenge and not _proves(request.text("code_verifier") or "", grant.challenge):
        raise Refused("invalid_grant")
    records.use_code(db, code)
    return grant


def _proves(verifier: str, challenge: str) -> bool:
    """PKCE with S256, RFC 7636, section 4.6."""
    made = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
    return secrets.compare_digest(made, challenge.encode())


def _token(db: sqlite3.Connection, app: App, username: str, scopes: str, habits: OAuthHabits) -> dict[str, Any]:
    token, refresh = records.add_token(
        db,
        app.client_id,
        username,
        scopes,
        expires_in=habits.expires_in,
        refreshable=habits.gives_refresh_token,
    )
    answer: dict[str, Any] = {"access_token": token, "token_type": "Bearer", "created_at": int(time())}
    if habits.tells_scope:
        answer["scope"] = scopes
    if habits.expires_in is not None:
        answer["expires_in"] = habits.expires_in
    if refresh:
        answer["refresh_token"] = refresh
    return answer


def _refusal(error: str, habits: OAuthHabits) -> Response:
    status = 401 if error == "invalid_client" else 400
    if habits.refusal is Refusal.EMPTY:
        return Response(status, b"", {})
    if habits.refusal is Refusal.ACCESS_DENIED and error in ("invalid_client", "invalid_grant"):
        return json_response({"error": "access_denied"}, 401)
    headers = dict(UNCACHED)
    if status == 401:
        headers["WWW-Authenticate"] = f'Bearer realm="Doorkeeper", error="{error}"'
    return json_response({"error": error, "error_description": DESCRIPTIONS[error]}, status, headers)


def revoke(db: sqlite3.Connection, request: Request, habits: OAuthHabits) -> Response:
    """`POST /oauth/revoke`: 403 for a token of another app, 200 for one that is unknown (RFC 7009)."""
    token = request.text("token") or ""
    found = store.find_token(db, token)
    if found is None and habits.refusal is Refusal.NAMED:
        return json_response({})
    try:
        app = _client(db, request)
    except Refused:
        return _forbidden(habits)
    if found is None or records.client_of(db, found.id) != app.client_id:
        return _forbidden(habits)
    store.revoke_token(db, token)
    if habits.revoke_forgets_app:
        records.forget_app(db, app.client_id)
    return Response(200, habits.revoke_body, {"Content-Type": "application/json; charset=utf-8"})


def _forbidden(habits: OAuthHabits) -> Response:
    error = "unauthorized_client"
    body = {"error": error, "error_description": DESCRIPTIONS[error]}
    return json_response(body, 403) if habits.refusal is Refusal.NAMED else Response(403, habits.revoke_body, {})
