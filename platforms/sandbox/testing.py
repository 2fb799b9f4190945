"""A sandbox inside the test process: a real server on a free port of the loopback interface.

with running_sandbox(tmp_path) as sandbox:
    client = Client(sandbox.url, sandbox.token)
    sandbox.fault(429, path_prefix="/api/v1/statuses", retry_after=1)
"""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from platforms.sandbox import drawings, editing, faults, requests_log, samples, store
from platforms.sandbox.database import Database
from platforms.sandbox.entities import Entities
from platforms.sandbox.requests_log import RecordedRequest
from platforms.sandbox.server import Server
from platforms.sandbox.store import FULL_SCOPES, Poll, Status


@dataclass(frozen=True)
class Picture:
    """A picture for `SandboxHandle.add_status`; without `data`, a small one is drawn."""

    description: str | None = None
    data: bytes | None = None
    focus: str = ""
    kind: str = "image"


@dataclass
class SandboxHandle:
    """A running sandbox. `token` belongs to the account demo and may read and write; ids are strings, as in the API."""

    database: Path
    url: str
    token: str = field(repr=False)

    @property
    def account_id(self) -> str:
        """Id of the account demo."""
        return str(samples.DEMO_ID)

    @property
    def public_page(self) -> str:
        """Address of demo's public page."""
        return f"{self.url}/@{samples.DEMO}"

    def sample(self, key: str) -> str:
        """Id of a sample post by its key in `samples.POSTS`. Raises KeyError."""
        with Database(self.database).read() as db:
            row = db.execute("SELECT value FROM settings WHERE name = 'samples'").fetchone()
        return str(json.loads(row[0])[key])

    def issue_token(self, username: str = samples.DEMO, scopes: str = FULL_SCOPES) -> str:
        """Another token, such as one that may only read: `scopes="read"`."""
        return store.issue_token(self.database, username, scopes)

    def revoke(self, token: str) -> bool:
        """End a token: from now on it is answered with 401. False if it was not valid."""
        with Database(self.database).write() as db:
            return store.revoke_token(db, token)

    def add_status(
        self,
        text: str = "A post of the test.",
        *,
        pictures: int | Sequence[Picture] = 1,
        poll: Sequence[str] = (),
        username: str = samples.DEMO,
        in_reply_to_id: str | None = None,
        reblog_of_id: str | None = None,
        created_at: datetime | None = None,
        **values: Any,
    ) -> str:
        """Publish a post and return its id.

        `pictures` may be a number (that many, without alt text). `values` are fields of store.Status: spoiler_text,
        sensitive, language, visibility, quote_policy. Not limited as the API is, so an odd post can be made.
        """
        chosen = [Picture() for _ in range(pictures)] if isinstance(pictures, int) else pictures
        with Database(self.database).write() as db:
            author = store.account_named(db, username)
            if author is None:
                raise LookupError(username)
            media = [
                store.add_media(
                    db,
                    author.id,
                    drawings.plain(number) if one.data is None else one.data,
                    description=one.description,
                    focus=one.focus,
                    kind=one.kind,
                )
                for number, one in enumerate(chosen)
            ]
            status = Status(
                id=0,
                account_id=author.id,
                text=text,
                media_ids=tuple(one.id for one in media),
                in_reply_to_id=int(in_reply_to_id) if in_reply_to_id else None,
                reblog_of_id=int(reblog_of_id) if reblog_of_id else None,
                created_at=store.timestamp(created_at) if created_at else "",
                **values,
            )
            votes = (0,) * len(poll)
            asked = Poll(tuple(poll), votes, False, False, store.expiry(86_400)) if poll else None
            return str(store.add_status(db, status, asked).id)

    def status(self, status_id: str) -> dict[str, Any]:
        """A post as its owner gets it from the API, and `text`, its source. Raises LookupError when it is gone."""
        with Database(self.database).read() as db:
            found = store.status(db, int(status_id))
            if found is None:
                raise LookupError(f"There is no status {status_id}.")
            entities = Entities(db, self.url, store.account(db, found.account_id))
            return {**entities.status(found), "text": found.text}

    def history(self, status_id: str) -> list[dict[str, Any]]:
        """Every version of a post, oldest first."""
        with Database(self.database).read() as db:
            found = store.status(db, int(status_id))
            if found is None:
                raise LookupError(f"There is no status {status_id}.")
            return Entities(db, self.url, None).history(found)

    def edits(self, status_id: str) -> int:
        """How often a post was really edited (an edit that changes nothing does not count)."""
        with Database(self.database).read() as db:
            return max(0, len(store.edits(db, int(status_id))) - 1)

    def edit_text(self, status_id: str, text: str) -> None:
        """Edit a post as its author would in another client; nothing else of it changes."""
        with Database(self.database).write() as db:
            found = store.status(db, int(status_id))
            if found is None:
                raise LookupError(f"There is no status {status_id}.")
            editing.change_text(db, found, text)

    def delete_status(self, status_id: str) -> None:
        """Delete a post."""
        with Database(self.database).write() as db:
            store.delete_status(db, int(status_id))

    def requests(self, method: str | None = None, path_prefix: str | None = None) -> list[RecordedRequest]:
        """What clients asked so far, oldest first."""
        with Database(self.database).read() as db:
            return requests_log.recorded(db, method, path_prefix)

    def fault(
        self,
        kind: str | int,
        *,
        method: str = "",
        path_prefix: str = "/",
        times: int | None = 1,
        skip: int = 0,
        **options: Any,
    ) -> None:
        """Make something go wrong; the kinds and their options are in `faults`. A number is a status code."""
        with Database(self.database).write() as db:
            faults.add(db, kind, method=method, path_prefix=path_prefix, times=times, skip=skip, **options)

    def clear_faults(self) -> None:
        """From now on all goes well."""
        with Database(self.database).write() as db:
            faults.clear(db)

    def set_rate_limit(self, limit: int) -> None:
        """Requests that each token may make in five minutes (Mastodon: 300)."""
        with Database(self.database).write() as db:
            store.set_setting(db, "rate_limit", str(limit))


@contextmanager
def running_sandbox(folder: Path, *, with_samples: bool = True) -> Iterator[SandboxHandle]:
    """Serve a sandbox from a file in `folder` until the block ends; without samples, its accounts have no posts.

    The file stays, so a second call with the same folder goes on where the first ended.
    """
    database = folder / "sandbox.sqlite3"
    if with_samples:
        samples.seed(database)
    else:
        with Database(database).write() as db:
            if store.account_named(db, samples.DEMO) is None:
                samples.add_accounts(db)
    server = Server(database, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, name="sandbox")
    thread.start()
    try:
        yield SandboxHandle(database, server.url, store.issue_token(database, samples.DEMO))
    finally:
        server.stop()
        thread.join()
