"""Apps, codes and what the tokens of apps have beyond other tokens. Of every secret only a digest is kept."""

import json
import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from time import time

from platforms.sandbox import store
from platforms.sandbox.store import digest

DAY = 86_400


@dataclass(frozen=True)
class App:
    """A registered client."""

    id: int
    client_id: str
    secret_digest: str
    name: str
    website: str | None
    redirect_uris: tuple[str, ...]
    scopes: str

    def knows(self, secret: str) -> bool:
        """Whether this is its secret."""
        return secrets.compare_digest(self.secret_digest, digest(secret))


@dataclass(frozen=True)
class Grant:
    """What an authorization code stands for. Moments are seconds since 1970."""

    client_id: str
    username: str
    redirect_uri: str
    scopes: str
    challenge: str
    created_at: float
    used_at: float | None


@dataclass(frozen=True)
class IssuedToken:
    """An access token of an app; the token itself is not kept."""

    id: int
    username: str
    scopes: str
    created_at: float
    expires_at: float | None
    is_valid: bool


def add_app(
    db: sqlite3.Connection, name: str, website: str | None, redirect_uris: Sequence[str], scopes: str
) -> tuple[App, str]:
    """Register an app; the app and its secret."""
    client_id, secret = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    added = db.execute(
        "INSERT INTO oauth_apps (client_id, secret_digest, name, website, redirect_uris, scopes, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (client_id, digest(secret), name, website, json.dumps(redirect_uris), scopes, time()),
    )
    return App(added.lastrowid or 0, client_id, digest(secret), name, website, tuple(redirect_uris), scopes), secret


def app(db: sqlite3.Connection, client_id: str) -> App | None:
    """The app with this id."""
    row = db.execute("SELECT * FROM oauth_apps WHERE client_id = ?", (client_id,)).fetchone()
    return _app(row) if row else None


def apps(db: sqlite3.Connection) -> list[App]:
    """Every app, in the order in which they registered."""
    return [_app(row) for row in db.execute("SELECT * FROM oauth_apps ORDER BY id")]


def _app(row: sqlite3.Row) -> App:
    return App(
        id=row["id"],
        client_id=row["client_id"],
        secret_digest=row["secret_digest"],
        name=row["name"],
        website=row["website"],
        redirect_uris=tuple(json.loads(row["redirect_uris"])),
        scopes=row["scopes"],
    )


def forget_app(db: sqlite3.Connection, client_id: str) -> bool:
    """Remove an app and its codes; its tokens stay. False if there was none."""
    db.execute("DELETE FROM oauth_codes WHERE client_id = ?", (client_id,))
    return db.execute("DELETE FROM oauth_apps WHERE client_id = ?", (client_id,)).rowcount == 1


def vacuum_apps(db: sqlite3.Connection) -> None:
    """Forget the apps of yesterday and before that have no token, as Mastodon before 4.3 does each night."""
    db.execute(
        "DELETE FROM oauth_apps WHERE created_at < ? AND client_id NOT IN (SELECT client_id FROM oauth_tokens)",
        (time() - DAY,),
    )


def add_code(
    db: sqlite3.Connection, client_id: str, username: str, redirect_uri: str, scopes: str, challenge: str
) -> str:
    """A new authorization code. One statement, so that a connection without a transaction will do."""
    code = secrets.token_urlsafe(32)
    db.execute(
        "INSERT INTO oauth_codes (digest, client_id, username, redirect_uri, scopes, challenge, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (digest(code), client_id, username, redirect_uri, scopes, challenge, time()),
    )
    return code


def grant(db: sqlite3.Connection, code: str) -> Grant | None:
    """What a code stands for; None for one that was never issued."""
    return _grant(db.execute("SELECT * FROM oauth_codes WHERE digest = ?", (digest(code),)).fetchone())


def last_grant(db: sqlite3.Connection, client_id: str) -> Grant | None:
    """What was granted to an app most recently."""
    rows = db.execute("SELECT * FROM oauth_codes WHERE client_id = ? ORDER BY id DESC LIMIT 1", (client_id,))
    return _grant(rows.fetchone())


def _grant(row: sqlite3.Row | None) -> Grant | None:
    return Grant(**{name: row[name] for name in row.keys() if name not in ("id", "digest")}) if row else None  # noqa: SIM118 - sqlite3.Row


def use_code(db: sqlite3.Connection, code: str) -> None:
    """Note that a code was exchanged."""
    db.execute("UPDATE oauth_codes SET used_at = ? WHERE digest = ?", (time(), digest(code)))


def add_token(
    db: sqlite3.Connection,
    client_id: str,
    username: str,
    scopes: str,
    *,
    expires_in: int | None = None,
    refreshable: bool = False,
) -> tuple[str, str | None]:
    """A new access token of an app, and its refresh token where it has one. `username` is empty for the app itself."""
    token, refresh = secrets.token_urlsafe(32), secrets.token_urlsafe(32) if refreshable else None
    added = db.execute(
        "INSERT INTO tokens (digest, username, scopes) VALUES (?, ?, ?)", (digest(token), username, scopes)
    )
    moment = time()
    db.execute(
        "INSERT INTO oauth_tokens (token_id, client_id, created_at, expires_at, refresh_digest) VALUES (?, ?, ?, ?, ?)",
        (
            added.lastrowid,
            client_id,
            moment,
            None if expires_in is None else moment + expires_in,
            digest(refresh) if refresh else None,
        ),
    )
    return token, refresh


def client_of(db: sqlite3.Connection, token_id: int) -> str | None:
    """Which app a token was issued to; None for one that came from the command line or a test."""
    row = db.execute("SELECT client_id FROM oauth_tokens WHERE token_id = ?", (token_id,)).fetchone()
    return row[0] if row else None


def has_token(db: sqlite3.Connection, client_id: str, username: str, scopes: str) -> bool:
    """Whether an app has a valid token of this account with just these scopes."""
    return any(
        one.is_valid and one.username == username and set(one.scopes.split()) == set(scopes.split())
        for one in tokens_of(db, client_id)
    )


def tokens_of(db: sqlite3.Connection, client_id: str) -> list[IssuedToken]:
    """Every access token that an app ever got, oldest first."""
    rows = db.execute(
        "SELECT * FROM oauth_tokens JOIN tokens ON tokens.id = token_id WHERE client_id = ? ORDER BY token_id",
        (client_id,),
    )
    return [
        IssuedToken(
            id=row["token_id"],
            username=row["username"],
            scopes=row["scopes"],
            created_at=row["created_at"],
            expires_at=row["expires_at"],
            is_valid=row["revoked_at"] is None and (row["expires_at"] is None or row["expires_at"] > time()),
        )
        for row in rows
    ]


def take_refresh_token(db: sqlite3.Connection, client_id: str, refresh: str, seconds: float) -> tuple[str, str] | None:
    """Use a refresh token up, and with it its access token: the account and scopes that the next one is for.

    None when it is not this app's, was used before, or is older than `seconds`.
    """
    row = db.execute(
        "SELECT tokens.* FROM oauth_tokens JOIN tokens ON tokens.id = token_id"
        " WHERE refresh_digest = ? AND client_id = ? AND oauth_tokens.created_at > ?",
        (digest(refresh), client_id, time() - seconds),
    ).fetchone()
    if row is None or row["revoked_at"] is not None:
        return None
    db.execute("UPDATE tokens SET revoked_at = ? WHERE id = ?", (store.now(), row["id"]))
    return row["username"], row["scopes"]


def expire_token(db: sqlite3.Connection, token: str) -> bool:
    """Let a token's time be over. False if it was not issued to an app."""
    expired = db.execute(
        "UPDATE oauth_tokens SET expires_at = ? WHERE token_id = (SELECT id FROM tokens WHERE digest = ?)",
        (time() - 1, digest(token)),
    )
    return expired.rowcount == 1


def age(db: sqlite3.Connection, seconds: float) -> None:
    """Let so many seconds pass for every app, code and token of an app."""
    db.execute("UPDATE oauth_apps SET created_at = created_at - ?", (seconds,))
    db.execute("UPDATE oauth_codes SET created_at = created_at - ?", (seconds,))
    db.execute("UPDATE oauth_tokens SET created_at = created_at - ?, expires_at = expires_at - ?", (seconds, seconds))
