"""Pleroma, 2.6 unless another version is asked for; what Akkoma does differently is not known.

Not imitated: a limit for alt texts that is enforced (it is only told), emoji reactions, quotes, chats.
"""

import json
import sqlite3
import zlib
from dataclasses import replace

from platforms.sandbox import editing, store
from platforms.sandbox.families.base import Family, Json, media_answer
from platforms.sandbox.ids import FlakeIds
from platforms.sandbox.routing import Call, Route, route
from platforms.sandbox.store import Media, Status, Token
from platforms.sandbox.wire import ApiError, Request, Response, truthy

ALT_LIMIT = 5000
HASHED = "hashed_media"  # setting: pictures from before Pleroma kept their ids in posts


def uploaded(db: sqlite3.Connection, media: Media) -> Media:
    """The upload object, which is another one than the copy in the post."""
    row = db.execute("SELECT description FROM uploads WHERE media_id = ?", (media.id,)).fetchone()
    return replace(media, description=row["description"]) if row else media


def hashed(db: sqlite3.Connection) -> list[int]:
    """Pictures whose posts show a hash instead of an id."""
    found: list[int] = json.loads(store.setting(db, HASHED) or "[]")
    return found


def show_media(call: Call, pk: str) -> Response:
    """The upload object of a picture of the viewer, posted or not."""
    return media_answer(call, uploaded(call.db, call.own_media(pk)))


def update_media(call: Call, pk: str) -> Response:
    """Describe the upload object; a post that shows it stays as it is until it is edited."""
    media = call.own_media(pk)
    if "description" not in call.request.params:
        return media_answer(call, uploaded(call.db, media))
    changed = replace(media, description=call.request.text("description"))
    if media.status_id is None:
        store.update_media(call.db, changed)
    else:
        call.db.execute("INSERT OR REPLACE INTO uploads VALUES (?, ?)", (changed.id, changed.description))
        store.add_media_write(call.db, changed)
    return media_answer(call, changed)


class Pleroma(Family):
    """An edit takes the alt texts from the upload objects; its schema knows neither attributes nor a language."""

    name = "pleroma"
    default_version = "2.6.0"
    ids = FlakeIds()
    limited_by = ""  # its limiter tells nothing in headers
    routes = (
        route("GET", "/api/v1/media/:id", show_media, "read:media", "write:media", required=True),
        route("PUT", "/api/v1/media/:id", update_media, "write:media", required=True),
    )

    @property
    def api_version(self) -> str:
        """Says that it is like a Mastodon of long ago."""
        return f"2.7.2 (compatible; Pleroma {self.version})"

    @property
    def missing(self) -> frozenset[tuple[str, str]]:
        """The second instance object came late."""
        return frozenset({("GET", "/api/v2/instance")}) if self.release < (2, 7) else frozenset()

    def shape_instance(self, db: sqlite3.Connection, instance: Json) -> Json:
        """No limit of alt texts here."""
        instance["configuration"]["media_attachments"].pop("description_limit")
        instance.pop("api_versions", None)
        return instance

    def shape_instance_v1(self, db: sqlite3.Connection, instance: Json) -> Json:
        """The limit of alt texts stands at the top."""
        return {**self.shape_instance(db, instance), "description_limit": self.alt_limit(db)}

    def alt_limit(self, db: sqlite3.Connection) -> int:
        """5000, or what the operator chose."""
        return int(store.setting(db, "alt_limit") or ALT_LIMIT)

    def alt_text(self, db: sqlite3.Connection, text: str | None) -> str | None:
        """Kept as it comes."""
        return text

    def bad_token(self, route: Route, request: Request, token: Token | None) -> ApiError:
        """403 (EnsureAuthenticatedPlug), whatever the reason."""
        return ApiError(403, "Invalid credentials.")

    def missing_scope(self, route: Route) -> ApiError:
        """Names what is missing (OAuthScopesPlug)."""
        return ApiError(403, f"Insufficient permissions: {' | '.join(route.scopes)}.")

    def media_id(self, db: sqlite3.Connection, base_url: str, media: Media) -> str:
        """The number of the upload object, or a hash that leads nowhere in posts of older versions."""
        if media.status_id is not None and media.id in hashed(db):
            return str(zlib.crc32(str(media.id).encode()))
        return super().media_id(db, base_url, media)

    def shape_status(self, status: Status, entity: Json) -> Json:
        """No language; the content type is told to whoever may edit."""
        entity.pop("quote_approval", None)
        return {**entity, "language": None}

    def shape_source(self, status: Status, entity: Json) -> Json:
        """With a content type."""
        return {**entity, "content_type": status.content_type}

    def edit(self, call: Call, before: Status) -> Status:
        """`attachments_from_ids` copies the upload objects into the post; ids that it does not know are dropped."""
        params = call.params
        chosen = editing.chosen_media(call.db, before.account_id, before.id, params)
        copied = [uploaded(call.db, one) for one in chosen]
        found = store.poll(call.db, before.id)
        poll_before = found[1] if found else None
        poll = editing.poll_sent(params, poll_before)
        after = replace(
            before,
            text=editing.string(params, "status"),
            spoiler_text=editing.string(params, "spoiler_text"),
            sensitive=truthy(params.get("sensitive")),
            media_ids=tuple(one.id for one in chosen),
            content_type=editing.string(params, "content_type") or "text/plain",
        )
        if not after.text.strip() and not chosen:
            raise ApiError(422, "Cannot post an empty status without attachments")
        if after == before and copied == chosen and poll == poll_before:
            return before
        return editing.write(call.db, before, after, copied, poll)
