"""The server families that the sandbox can be like, and which of them a sandbox file is."""

import sqlite3
from pathlib import Path

from platforms.sandbox import store
from platforms.sandbox.database import Database, WrongVersion
from platforms.sandbox.families.base import Family
from platforms.sandbox.families.gotosocial import GoToSocial
from platforms.sandbox.families.mastodon import Mastodon
from platforms.sandbox.families.pixelfed import Pixelfed
from platforms.sandbox.families.pleroma import Pleroma
from platforms.sandbox.families.snac import Snac
from platforms.sandbox.families.takahe import Takahe

FAMILIES: dict[str, type[Family]] = {one.name: one for one in (Mastodon, GoToSocial, Pixelfed, Takahe, Pleroma, Snac)}


class WrongFamily(WrongVersion):
    """The file is a sandbox of another server family than the one asked for."""


def of(db: sqlite3.Connection) -> Family:
    """The family of a sandbox file; one that says nothing is a Mastodon."""
    family = FAMILIES[store.setting(db, "family") or Mastodon.name]
    return family(store.setting(db, "version") or "")


def opened(database: Path) -> Family:
    """The family of the sandbox in this file."""
    with Database(database).read() as db:
        return of(db)


def choose(database: Path, like: str | None = None, version: str | None = None, *, again: bool = False) -> Family:
    """Make a sandbox file one of the family `like`, or see that it is; None takes what it is, mastodon when new.

    A file keeps its family as soon as it holds an account, unless `again` is true. Another `version` of the same family
    is an update: it takes effect at once, also for a server that is running.

    Raises:
        WrongFamily: the file holds a sandbox of another family.
        ValueError: no family has that name, or the version is no number.
    """
    if like is not None and like not in FAMILIES:
        raise ValueError(f"No family is called {like}. There are: {', '.join(FAMILIES)}.")
    with Database(database).write() as db:
        before = store.setting(db, "family")
        used = db.execute("SELECT 1 FROM accounts LIMIT 1").fetchone() is not None
        now = before or (Mastodon.name if used else None)
        if used and not again and like not in (None, now):
            raise WrongFamily(
                f"it is a sandbox like {now}, not like {like}. Name another --database, or start it over with "
                f"--reset --like {like}."
            )
        name = like or now or Mastodon.name
        kept = store.setting(db, "version") if name == now else None
        family = FAMILIES[name](version or kept or "")
        store.set_setting(db, "family", family.name)
        store.set_setting(db, "version", version or kept or "")
    return family
