"""What the sandbox keeps and how it is read and written: accounts, tokens, pictures, statuses, polls.

Functions take an open connection (`Database.read` or `Database.write`). Times are ISO 8601 in UTC with milliseconds,
the form in which Mastodon sends them.
"""

import hashlib
import json
import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import time

from platforms.sandbox import pictures
from platforms.sandbox.database import Database

FULL_SCOPES = "read write"


@dataclass(frozen=True)
class Account:
    """Somebody who lives on this instance."""

    id: int
    username: str
    display_name: str
    note: str
    language: str
    avatar: str
    created_at: str


@dataclass(frozen=True)
class Token:
    """An access token, of which only a digest is kept."""

    id: int
    username: str
    scopes: frozenset[str]
    revoked: bool  # or expired

    def allows(self, *scopes: str) -> bool:
        """Whether one of `scopes` was granted; `read` includes `read:statuses`."""
        return any(scope in self.scopes or scope.partition(":")[0] in self.scopes for scope in scopes)


@dataclass(frozen=True)
class Media:
    """A picture. `focus` is "x,y" or empty; `kind` is image, gifv, video, audio or unknown."""

    id: int
    account_id: int
    status_id: int | None
    kind: str
    file: str
    preview: str
    width: int
    height: int
    preview_width: int
    preview_height: int
    description: str | None
    focus: str


@dataclass(frozen=True)
class Poll:
    """A poll: as many `votes` as `options`."""

    options: tuple[str, ...]
    votes: tuple[int, ...]
    multiple: bool
    hide_totals: bool
    expires_at: str


@dataclass(frozen=True)
class Status:
    """A post. `quote_policy` is public, followers, nobody, or None on a server that knows no such thing.

    Only some families have the last three: `content_type` of the source, `links` false when an edit lost the links of
    mentions and hashtags (snac 2.75), `interaction_policy` as JSON (GoToSocial; None is the usual one).
    """

    id: int
    account_id: int
    text: str
    spoiler_text: str = ""
    sensitive: bool = False
    language: str | None = "en"
    visibility: str = "public"
    in_reply_to_id: int | None = None
    reblog_of_id: int | None = None
    media_ids: tuple[int, ...] = ()
    quote_policy: str | None = None
    created_at: str = ""
    edited_at: str | None = None
    content_type: str = "text/plain"
    links: bool = True
    interaction_policy: str | None = None


def timestamp(moment: datetime) -> str:
    """`moment` in the form of the API: 2026-11-21T09:30:00.000Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def now() -> str:
    """This moment in the form of the API."""
    return timestamp(datetime.now(UTC))


def new_id(db: sqlite3.Connection, table: str, moment: datetime) -> int:
    """A free id for `table` that sorts by time: milliseconds in the upper bits, a counter in the lower 16."""
    base = int(moment.timestamp() * 1000) << 16
    found = db.execute(f"SELECT max(id) FROM {table} WHERE id >= ? AND id < ?", (base, base + 65536))  # noqa: S608
    highest: int | None = found.fetchone()[0]
    return base if highest is None else highest + 1


# Accounts and tokens


def add_account(db: sqlite3.Connection, account: Account) -> None:
    """Add somebody."""
    db.execute(
        "INSERT INTO accounts VALUES (:id, :username, :display_name, :note, :language, :avatar, :created_at)",
        account.__dict__,
    )


def account_named(db: sqlite3.Connection, username: str) -> Account | None:
    """The account of this name, whatever its case."""
    row = db.execute("SELECT * FROM accounts WHERE username = ? COLLATE NOCASE", (username,)).fetchone()
    return Account(**dict(row)) if row else None


def account(db: sqlite3.Connection, pk: int) -> Account | None:
    """The account with this id."""
    row = db.execute("SELECT * FROM accounts WHERE id = ?", (pk,)).fetchone()
    return Account(**dict(row)) if row else None


def author(db: sqlite3.Connection, status: Status) -> Account:
    """Who wrote a status."""
    return Account(**dict(db.execute("SELECT * FROM accounts WHERE id = ?", (status.account_id,)).fetchone()))


def issue_token(database: Path, username: str, scopes: str = FULL_SCOPES) -> str:
    """A new access token for `username`. `scopes` is a list with spaces, such as "read write:statuses".

    Raises LookupError when nobody has that name (seed the sandbox first).
    """
    token = secrets.token_urlsafe(32)
    with Database(database).write() as db:
        if account_named(db, username) is None:
            raise LookupError(f"The sandbox has no account named {username}.")
        db.execute("INSERT INTO tokens (digest, username, scopes) VALUES (?, ?, ?)", (digest(token), username, scopes))
    return token


def find_token(db: sqlite3.Connection, token: str) -> Token | None:
    """What is known of a token; None for one that was never issued."""
    row = db.execute(
        "SELECT tokens.*, revoked_at IS NOT NULL OR coalesce(expires_at <= ?, 0) AS ended"
        " FROM tokens LEFT JOIN oauth_tokens ON token_id = tokens.id WHERE digest = ?",
        (time(), digest(token)),
    ).fetchone()
    if row is None:
        return None
    return Token(row["id"], row["username"], frozenset(row["scopes"].split()), bool(row["ended"]))


def revoke_token(db: sqlite3.Connection, token: str) -> bool:
    """End a token. False if it was not valid before."""
    revoked = db.execute(
        "UPDATE tokens SET revoked_at = ? WHERE digest = ? AND revoked_at IS NULL", (now(), digest(token))
    )
    return revoked.rowcount == 1


def digest(token: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(token.encode()).hexdigest()


# Settings


def setting(db: sqlite3.Connection, name: str) -> str | None:
    """A setting that was kept."""
    row = db.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
    return str(row[0]) if row else None


def set_setting(db: sqlite3.Connection, name: str, value: str) -> None:
    """Keep a setting."""
    db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value))


# Files and media


def add_file(db: sqlite3.Connection, data: bytes, content_type: str, extension: str) -> str:
    """Keep a file under a name made from its content; the same content is kept once."""
    name = f"{hashlib.sha256(data).hexdigest()[:32]}.{extension}"
    db.execute("INSERT OR IGNORE INTO files VALUES (?, ?, ?)", (name, content_type, data))
    return name


def file(db: sqlite3.Connection, name: str) -> tuple[str, bytes] | None:
    """Content type and bytes of a file."""
    row = db.execute("SELECT content_type, data FROM files WHERE name = ?", (name,)).fetchone()
    return (row["content_type"], row["data"]) if row else None


def add_media(
    db: sqlite3.Connection,
    account_id: int,
    data: bytes,
    *,
    description: str | None,
    focus: str = "",
    kind: str = "image",
) -> Media:
    """Keep a picture that no status shows yet. Raises pictures.NotAPicture."""
    facts = pictures.inspect(data)
    media = Media(
        id=new_id(db, "media", datetime.now(UTC)),
        account_id=account_id,
        status_id=None,
        kind=kind,
        file=add_file(db, data, facts.content_type, facts.extension),
        preview=add_file(db, facts.preview, "image/png" if facts.has_alpha else "image/jpeg", facts.preview_extension),
        width=facts.width,
        height=facts.height,
        preview_width=facts.preview_width,
        preview_height=facts.preview_height,
        description=description,
        focus=focus,
    )
    db.execute(
        "INSERT INTO media VALUES (:id, :account_id, :status_id, :kind, :file, :preview, :width, :height,"
        " :preview_width, :preview_height, :description, :focus)",
        media.__dict__,
    )
    return media


def media(db: sqlite3.Connection, ids: Sequence[int]) -> list[Media]:
    """These pictures, in this order; ids that do not exist are left out."""
    marks = ",".join("?" * len(ids))
    rows = db.execute(f"SELECT * FROM media WHERE id IN ({marks})", ids)  # noqa: S608 - question marks only
    found = {row["id"]: Media(**dict(row)) for row in rows}
    return [found[pk] for pk in ids if pk in found]


def update_media(db: sqlite3.Connection, changed: Media) -> None:
    """Write what may change of a picture: alt text, focus, and the status that shows it."""
    db.execute(
        "UPDATE media SET description = :description, focus = :focus, status_id = :status_id WHERE id = :id",
        changed.__dict__,
    )


def delete_media(db: sqlite3.Connection, pk: int) -> None:
    """Remove a picture for good."""
    db.execute("DELETE FROM media WHERE id = ?", (pk,))


def add_media_write(db: sqlite3.Connection, changed: Media) -> None:
    """Note that a picture which a status shows was changed by itself, without an edit of the status."""
    db.execute(
        "INSERT INTO media_writes (status_id, media_id, description, created_at) VALUES (?, ?, ?, ?)",
        (changed.status_id, changed.id, changed.description, now()),
    )


def media_writes(db: sqlite3.Connection, status_id: int) -> int:
    """How often pictures of a status were changed by themselves."""
    return int(db.execute("SELECT count(*) FROM media_writes WHERE status_id = ?", (status_id,)).fetchone()[0])


# Statuses, polls, edits


def add_status(db: sqlite3.Connection, status: Status, poll: Poll | None = None) -> Status:
    """Publish a status and attach its media to it; unless it has an `id`, one is chosen here, from `created_at`."""
    moment = datetime.fromisoformat(status.created_at or now())
    status = replace(status, id=status.id or new_id(db, "statuses", moment), created_at=timestamp(moment))
    db.execute(
        "INSERT INTO statuses VALUES (:id, :account_id, :text, :spoiler_text, :sensitive, :language, :visibility,"
        " :in_reply_to_id, :reblog_of_id, :media_ids, :quote_policy, :created_at, :edited_at, :content_type, :links,"
        " :interaction_policy)",
        {**status.__dict__, "media_ids": json.dumps(status.media_ids)},
    )
    for picture in media(db, status.media_ids):
        update_media(db, replace(picture, status_id=status.id))
    if poll:
        set_poll(db, status.id, poll)
    return status


def status(db: sqlite3.Connection, pk: int) -> Status | None:
    """The status with this id."""
    row = db.execute("SELECT * FROM statuses WHERE id = ?", (pk,)).fetchone()
    return status_from(row) if row else None


def status_from(row: sqlite3.Row) -> Status:
    """A row of `statuses` as a Status."""
    values = dict(row)
    values["sensitive"], values["links"] = bool(values["sensitive"]), bool(values["links"])
    values["media_ids"] = tuple(json.loads(values["media_ids"]))
    return Status(**values)


def update_status(db: sqlite3.Connection, changed: Status) -> None:
    """Write what an edit may change, on whichever family."""
    db.execute(
        "UPDATE statuses SET text = :text, spoiler_text = :spoiler_text, sensitive = :sensitive, language = :language,"
        " media_ids = :media_ids, quote_policy = :quote_policy, edited_at = :edited_at, visibility = :visibility,"
        " content_type = :content_type, links = :links WHERE id = :id",
        {**changed.__dict__, "media_ids": json.dumps(changed.media_ids)},
    )


def delete_status(db: sqlite3.Connection, pk: int) -> None:
    """Remove a status and its boosts. Its pictures become unposted ones, as Mastodon does for a redraft."""
    db.execute("UPDATE media SET status_id = NULL WHERE status_id = ?", (pk,))
    db.execute("DELETE FROM statuses WHERE id = ? OR reblog_of_id = ?", (pk, pk))


def poll(db: sqlite3.Connection, status_id: int) -> tuple[int, Poll] | None:
    """Id and content of the poll of a status."""
    row = db.execute("SELECT * FROM polls WHERE status_id = ?", (status_id,)).fetchone()
    if row is None:
        return None
    options, votes = tuple(json.loads(row["options"])), tuple(json.loads(row["votes"]))
    return row["id"], Poll(options, votes, bool(row["multiple"]), bool(row["hide_totals"]), row["expires_at"])


def set_poll(db: sqlite3.Connection, status_id: int, poll: Poll) -> None:
    """Give a status its poll, or change the one that it has."""
    values = json.dumps(poll.options), json.dumps(poll.votes), poll.multiple, poll.hide_totals, poll.expires_at
    db.execute(
        "INSERT INTO polls (status_id, options, votes, multiple, hide_totals, expires_at) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (status_id) DO UPDATE SET options = excluded.options, votes = excluded.votes,"
        " multiple = excluded.multiple, hide_totals = excluded.hide_totals, expires_at = excluded.expires_at",
        (status_id, *values),
    )


def delete_poll(db: sqlite3.Connection, status_id: int) -> None:
    """Remove the poll of a status, votes and all."""
    db.execute("DELETE FROM polls WHERE status_id = ?", (status_id,))


def expiry(seconds: int) -> str:
    """The moment so many seconds from now, in the form of the API."""
    return timestamp(datetime.now(UTC) + timedelta(seconds=seconds))


def add_edit(db: sqlite3.Connection, status: Status, moment: str) -> None:
    """Keep how a status reads now, as one entry of its history."""
    found = poll(db, status.id)
    shown = [{"id": one.id, "description": one.description, "focus": one.focus} for one in media(db, status.media_ids)]
    db.execute(
        "INSERT INTO status_edits (status_id, text, spoiler_text, sensitive, media, poll_options, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            status.id,
            status.text,
            status.spoiler_text,
            status.sensitive,
            json.dumps(shown),
            json.dumps(found[1].options if found else []),
            moment,
        ),
    )


def edits(db: sqlite3.Connection, status_id: int) -> list[sqlite3.Row]:
    """The history of a status, oldest first: empty until the first edit, then the original and each edit."""
    return db.execute("SELECT * FROM status_edits WHERE status_id = ? ORDER BY id", (status_id,)).fetchall()
