"""A record of every request, so that tests can count what a client really did."""

import json
import sqlite3
from dataclasses import dataclass

from platforms.sandbox.store import now
from platforms.sandbox.wire import Request

KEPT = 50_000
SECRETS = frozenset({"client_secret", "code", "code_verifier", "refresh_token", "token"})


@dataclass(frozen=True)
class RecordedRequest:
    """`status` is 0 when the connection was reset; `body_json` is None unless the body was JSON.

    No token is kept: where OAuth sends SECRETS, only their names are there.
    """

    id: int
    received_at: str
    method: str
    path: str
    query: str
    body_sha256: str
    body_json: str | None
    status: int


def record(db: sqlite3.Connection, request: Request, status: int) -> None:
    """Write one request down, and drop the oldest beyond KEPT."""
    added = db.execute(
        "INSERT INTO requests (received_at, method, path, query, body_sha256, body_json, status)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (now(), request.method, request.path, request.query, request.body_sha256, _without_secrets(request), status),
    )
    db.execute("DELETE FROM requests WHERE id <= ?", ((added.lastrowid or 0) - KEPT,))


def _without_secrets(request: Request) -> str | None:
    body = request.body_json
    if body is None or not request.path.startswith("/oauth/"):
        return body
    sent = json.loads(body)
    return json.dumps(
        {name: "" if name in SECRETS else value for name, value in sent.items()} if isinstance(sent, dict) else None
    )


def recorded(
    db: sqlite3.Connection, method: str | None = None, path_prefix: str | None = None
) -> list[RecordedRequest]:
    """What was asked so far, oldest first."""
    rows = db.execute(
        "SELECT * FROM requests WHERE ? IN ('', method) AND substr(path, 1, length(?)) = ? ORDER BY id",
        ((method or "").upper(), path_prefix or "", path_prefix or ""),
    )
    return [RecordedRequest(**dict(row)) for row in rows]
