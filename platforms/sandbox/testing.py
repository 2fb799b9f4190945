"""A sandbox inside the test process: a real server on a free port of the loopback interface.

with running_sandbox(tmp_path) as sandbox:
    client = Client(sandbox.url, sandbox.token)
    sandbox.fault(429, path_prefix="/api/v1/statuses", retry_after=1)
"""

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from platforms.sandbox import drawings, editing, families, faults, requests_log, samples, store, traffic
from platforms.sandbox.database import Database
from platforms.sandbox.entities import Entities
from platforms.sandbox.families import pleroma
from platforms.sandbox.families.base import Family
from platforms.sandbox.ids import CASE_TWIN, FlakeIds
from platforms.sandbox.oauth import records
from platforms.sandbox.oauth.person import Person
from platforms.sandbox.oauth.records import App, IssuedToken
from platforms.sandbox.requests_log import RecordedRequest
from platforms.sandbox.server import Server
from platforms.sandbox.store import FULL_SCOPES, Poll, Status
from platforms.sandbox.traffic import Per, Rule, Shape, Wait


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
        return self.family.ids.encode("account", samples.DEMO_ID)

    @property
    def family(self) -> Family:
        """The server family that this sandbox is like, in its version."""
        return families.opened(self.database)

    @property
    def public_page(self) -> str:
        """Address of demo's public page."""
        return f"{self.url}/@{samples.DEMO}"

    def sample(self, key: str) -> str:
        """Id of a sample post by its key in `samples.POSTS`. Raises KeyError."""
        with Database(self.database).read() as db:
            pk = json.loads(store.setting(db, "samples") or "{}")[key]
            found = store.status(db, pk)
            # A post that is gone keeps its id, which tests ask for.
            return families.of(db).status_id(found) if found else families.of(db).ids.encode("status", pk)

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
                in_reply_to_id=self._pk(in_reply_to_id) if in_reply_to_id else None,
                reblog_of_id=self._pk(reblog_of_id) if reblog_of_id else None,
                created_at=store.timestamp(created_at) if created_at else "",
                **values,
            )
            votes = (0,) * len(poll)
            asked = Poll(tuple(poll), votes, False, False, store.expiry(86_400)) if poll else None
            return families.of(db).status_id(store.add_status(db, status, asked))

    def status(self, status_id: str) -> dict[str, Any]:
        """A post as its owner gets it from the API, and `text`, its source. Raises LookupError when it is gone."""
        with Database(self.database).read() as db:
            found = self._status(db, status_id)
            entities = Entities(db, self.url, store.account(db, found.account_id), families.of(db))
            return {**entities.status(found), "text": found.text}

    def history(self, status_id: str) -> list[dict[str, Any]]:
        """Every version of a post, oldest first."""
        with Database(self.database).read() as db:
            return Entities(db, self.url, None, families.of(db)).history(self._status(db, status_id))

    def edits(self, status_id: str) -> int:
        """How often a post was really edited (an edit that changes nothing does not count)."""
        with Database(self.database).read() as db:
            return max(0, len(store.edits(db, self._pk(status_id))) - 1)

    def media_writes(self, status_id: str) -> int:
        """How often a picture of a post was really written by itself, by PUT media (on Pleroma: its upload object)."""
        with Database(self.database).read() as db:
            return store.media_writes(db, self._pk(status_id))

    def edit_text(self, status_id: str, text: str) -> None:
        """Edit a post as its author would in another client; nothing else of it changes."""
        with Database(self.database).write() as db:
            found = self._status(db, status_id)
            editing.change_text(db, found, text)
            families.of(db).changed_elsewhere(db, found)

    def delete_status(self, status_id: str) -> None:
        """Delete a post."""
        with Database(self.database).write() as db:
            store.delete_status(db, self._pk(status_id))

    def set_alt(self, status_id: str, number: int, text: str | None) -> None:
        """Write the alt text of a picture (0 is the first) into the database, behind the server's back: no edit."""
        with Database(self.database).write() as db:
            picture = store.media(db, self._status(db, status_id).media_ids)[number]
            store.update_media(db, replace(picture, description=text))

    def add_case_twins(self) -> tuple[str, str]:
        """Two posts whose ids differ only by the case of one letter, on a family where such ids can be.

        Raises LookupError elsewhere.
        """
        with Database(self.database).write() as db:
            ids = families.of(db).ids
            author = store.account_named(db, samples.DEMO)
            if not isinstance(ids, FlakeIds) or author is None:
                raise LookupError("Only Pleroma's ids tell upper and lower case apart.")
            free = store.new_id(db, "statuses", datetime.now(UTC))
            first = next(pk for pk in count(free) if ids.has_case_twin("status", pk))
            for pk, text in ((first, "The first twin."), (first + CASE_TWIN, "The second twin.")):
                media = store.add_media(db, author.id, drawings.plain(pk % 7), description=None)
                store.add_status(db, Status(pk, author.id, text, media_ids=(media.id,)))
            return ids.encode("status", first), ids.encode("status", first + CASE_TWIN)

    def hash_media_ids(self, status_id: str) -> None:
        """Let a post on Pleroma show hashes as ids of its pictures, as posts from before 2.5 do."""
        with Database(self.database).write() as db:
            known = {*pleroma.hashed(db), *self._status(db, status_id).media_ids}
            store.set_setting(db, pleroma.HASHED, json.dumps(sorted(known)))

    def set_alt_limits(self, maximum: int, minimum: int = 0) -> None:
        """What the operator of a GoToSocial, Pixelfed or Pleroma chose; only GoToSocial knows a minimum."""
        with Database(self.database).write() as db:
            store.set_setting(db, "alt_limit", str(maximum))
            store.set_setting(db, "alt_minimum", str(minimum))

    def set_media_writes_per_minute(self, limit: int) -> None:
        """How many PUT media a user of Pixelfed has per minute (10)."""
        with Database(self.database).write() as db:
            store.set_setting(db, "media_writes_per_minute", str(limit))

    def _pk(self, status_id: str) -> int:
        found = self.family.ids.decode("status", status_id)
        if found is None:
            raise LookupError(f"{status_id} is no id of a status on {self.family.name}.")
        return found

    def _status(self, db: sqlite3.Connection, status_id: str) -> Status:
        found = store.status(db, self._pk(status_id))
        if found is None:
            raise LookupError(f"There is no status {status_id}.")
        return found

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

    def set_rate_limit(
        self, limit: int, *, shape: str = "iso", per: str = "", retry_after: str = "none", window: int = 300
    ) -> None:
        """Requests that each token (or address) may make in `window` seconds (Mastodon: 300 in five minutes).

        The words for `shape`, `per` and `retry_after` are in `traffic`; an empty `per` counts as the family does.
        Raises ValueError for another word.
        """
        rule = Rule(limit, Shape(shape), Per(per) if per else None, Wait(retry_after), window)
        with Database(self.database).write() as db:
            traffic.save(db, rule)

    def approve(self, authorize_url: str, username: str = samples.DEMO) -> str:
        """Let a person who is not signed in yet allow what an app asks for: the address that they are sent back to.

        Raises oauth.person.NotPossible when the page is an error. `Person` there can also deny, or stay signed in.
        """
        person = Person(username)
        with person.session:
            return person.approve(authorize_url)

    def registered_apps(self) -> list[App]:
        """The apps that registered and were not forgotten, oldest first."""
        with Database(self.database).read() as db:
            return records.apps(db)

    def forget_app(self, client_id: str) -> bool:
        """Forget an app and its codes, as Mastodon before 4.3 does with unused ones. False if there was none."""
        with Database(self.database).write() as db:
            return records.forget_app(db, client_id)

    def tokens_of(self, client_id: str) -> list[IssuedToken]:
        """What is known of the access tokens that an app got, oldest first; not the tokens themselves."""
        with Database(self.database).read() as db:
            return records.tokens_of(db, client_id)

    def is_valid(self, token: str) -> bool:
        """Whether an access token is neither unknown nor revoked nor expired."""
        with Database(self.database).read() as db:
            found = store.find_token(db, token)
        return found is not None and not found.revoked

    def expire_token(self, token: str) -> bool:
        """Let the time of an access token be over. False if it was not issued to an app."""
        with Database(self.database).write() as db:
            return records.expire_token(db, token)

    def let_pass(self, seconds: float) -> None:
        """Make every app, code and token of an app older by so many seconds."""
        with Database(self.database).write() as db:
            records.age(db, seconds)


@contextmanager
def running_sandbox(
    folder: Path, *, with_samples: bool = True, like: str = "mastodon", version: str | None = None
) -> Iterator[SandboxHandle]:
    """Serve a sandbox from a file in `folder` until the block ends; without samples, its accounts have no posts.

    `like` is a family of `families.FAMILIES`, `version` one of that software ("4.0.2"), the usual one if None.
    The file stays, so a second call with the same folder goes on where the first ended; with another family it raises
    families.WrongFamily.
    """
    database = folder / "sandbox.sqlite3"
    families.choose(database, like, version)
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
