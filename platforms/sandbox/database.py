"""The SQLite file that holds everything the sandbox knows."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCHEMA_VERSION = 2
SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS accounts (
    id INTEGER PRIMARY KEY, username TEXT NOT NULL UNIQUE, display_name TEXT NOT NULL, note TEXT NOT NULL,
    language TEXT NOT NULL, avatar TEXT NOT NULL, created_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tokens (
    id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, username TEXT NOT NULL, scopes TEXT NOT NULL, revoked_at TEXT);
CREATE TABLE IF NOT EXISTS files (name TEXT PRIMARY KEY, content_type TEXT NOT NULL, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS media (
    id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL REFERENCES accounts (id), status_id INTEGER,
    kind TEXT NOT NULL, file TEXT NOT NULL REFERENCES files (name), preview TEXT NOT NULL REFERENCES files (name),
    width INTEGER NOT NULL, height INTEGER NOT NULL, preview_width INTEGER NOT NULL, preview_height INTEGER NOT NULL,
    description TEXT, focus TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS media_by_status ON media (status_id);
CREATE TABLE IF NOT EXISTS statuses (
    id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL REFERENCES accounts (id), text TEXT NOT NULL,
    spoiler_text TEXT NOT NULL, sensitive INTEGER NOT NULL, language TEXT, visibility TEXT NOT NULL,
    in_reply_to_id INTEGER, reblog_of_id INTEGER, media_ids TEXT NOT NULL, quote_policy TEXT,
    created_at TEXT NOT NULL, edited_at TEXT, content_type TEXT NOT NULL DEFAULT 'text/plain',
    links INTEGER NOT NULL DEFAULT 1, interaction_policy TEXT,
    CONSTRAINT known_visibility CHECK (visibility IN ('public', 'unlisted', 'private', 'direct')));
CREATE INDEX IF NOT EXISTS statuses_by_account ON statuses (account_id, id);
CREATE TABLE IF NOT EXISTS polls (
    id INTEGER PRIMARY KEY, status_id INTEGER NOT NULL UNIQUE REFERENCES statuses (id) ON DELETE CASCADE,
    options TEXT NOT NULL, votes TEXT NOT NULL, multiple INTEGER NOT NULL, hide_totals INTEGER NOT NULL,
    expires_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS status_edits (
    id INTEGER PRIMARY KEY, status_id INTEGER NOT NULL REFERENCES statuses (id) ON DELETE CASCADE, text TEXT NOT NULL,
    spoiler_text TEXT NOT NULL, sensitive INTEGER NOT NULL, media TEXT NOT NULL, poll_options TEXT NOT NULL,
    created_at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS status_edits_by_status ON status_edits (status_id);
CREATE TABLE IF NOT EXISTS media_writes (
    id INTEGER PRIMARY KEY, status_id INTEGER NOT NULL, media_id INTEGER NOT NULL, description TEXT,
    created_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS uploads (
    media_id INTEGER PRIMARY KEY REFERENCES media (id) ON DELETE CASCADE, description TEXT);
CREATE TABLE IF NOT EXISTS cached_statuses (
    status_id INTEGER PRIMARY KEY REFERENCES statuses (id) ON DELETE CASCADE, body TEXT NOT NULL,
    created_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS faults (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, method TEXT NOT NULL, path_prefix TEXT NOT NULL, times INTEGER NOT NULL,
    skip INTEGER NOT NULL, options TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS requests (
    id INTEGER PRIMARY KEY AUTOINCREMENT, received_at TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL,
    query TEXT NOT NULL, body_sha256 TEXT NOT NULL, body_json TEXT, status INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS oauth_apps (
    id INTEGER PRIMARY KEY, client_id TEXT NOT NULL UNIQUE, secret_digest TEXT NOT NULL, name TEXT NOT NULL,
    website TEXT, redirect_uris TEXT NOT NULL, scopes TEXT NOT NULL, created_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS oauth_codes (
    id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, client_id TEXT NOT NULL, username TEXT NOT NULL,
    redirect_uri TEXT NOT NULL, scopes TEXT NOT NULL, challenge TEXT NOT NULL, created_at REAL NOT NULL, used_at REAL);
CREATE TABLE IF NOT EXISTS oauth_tokens (
    token_id INTEGER PRIMARY KEY REFERENCES tokens (id), client_id TEXT NOT NULL, created_at REAL NOT NULL,
    expires_at REAL, refresh_digest TEXT UNIQUE);
"""
# What files of version 1 lack besides tables.
UPGRADE = """
ALTER TABLE statuses ADD COLUMN content_type TEXT NOT NULL DEFAULT 'text/plain';
ALTER TABLE statuses ADD COLUMN links INTEGER NOT NULL DEFAULT 1;
ALTER TABLE statuses ADD COLUMN interaction_policy TEXT;
"""
# Tokens and apps stay, so that a connection works again after the sample posts are back.
WIPED = (
    "cached_statuses",
    "uploads",
    "media_writes",
    "status_edits",
    "polls",
    "statuses",
    "media",
    "files",
    "accounts",
    "faults",
    "requests",
    "settings",
)


class WrongVersion(Exception):
    """The file was written by another version of the sandbox."""


class Database:
    """The sandbox's file, opened anew for each piece of work, so that threads and processes may share it."""

    def __init__(self, path: Path) -> None:
        """Create the file and its tables where they are missing. Raises WrongVersion, or OSError for a bad folder."""
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self.read() as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version == SCHEMA_VERSION:
                return
            if version not in (0, 1):
                raise WrongVersion(
                    f"{path} was written by another version of the sandbox. Move it away and start again."
                )
            db.execute("PRAGMA journal_mode = WAL")
            db.executescript(SCHEMA)
            if version == 1:
                db.executescript(UPGRADE)
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection without a transaction: each statement stands for itself."""
        db = sqlite3.connect(self.path, timeout=30, isolation_level=None)
        try:
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA foreign_keys = ON")
            db.execute("PRAGMA synchronous = NORMAL")
            yield db
        finally:
            db.close()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction that holds the write lock from its start; rolled back on any exception."""
        with self.read() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    def wipe(self) -> None:
        """Forget everything but the tokens and which family it is. Safe while a server is running on the same file."""
        with self.write() as db:
            kept = db.execute("SELECT name, value FROM settings WHERE name IN ('family', 'version')").fetchall()
            for table in WIPED:
                db.execute(f"DELETE FROM {table}")  # noqa: S608 - names from the tuple above
            db.executemany("INSERT INTO settings VALUES (?, ?)", [tuple(row) for row in kept])
