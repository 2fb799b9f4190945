"""GoToSocial, 0.20 unless another version is asked for.

Not imitated: Markdown (the source is rendered as plain text), votes of polls, the words of its longer error messages.
"""

import html
import json
import re
import sqlite3
from dataclasses import replace
from typing import Any

from platforms.sandbox import editing, store
from platforms.sandbox.families.base import Family, Json, author_language, keep_media, media_answer
from platforms.sandbox.ids import Ulids
from platforms.sandbox.routing import Call, Route, route
from platforms.sandbox.store import Media, Status, Token
from platforms.sandbox.wire import ApiError, Request, Response, truthy

INTERACTION_POLICY: Json = {
    name: {"always": ["public", "me"], "with_approval": []} for name in ("can_favourite", "can_reply", "can_reblog")
}
CONTENT_TYPES = ("text/plain", "text/markdown")


def show_media(call: Call, pk: str) -> Response:
    """A picture of the viewer, posted or not."""
    return media_answer(call, call.own_media(pk))


def update_media(call: Call, pk: str) -> Response:
    """Describe a picture, posted or not: silently, without an edit. What is absent stays (media/update.go)."""
    media = call.own_media(pk)
    if "description" in call.request.params:
        text = call.family.alt_text(call.db, call.request.text("description") or "")
        media = replace(media, description=text)
    if focus := call.request.text("focus"):
        media = replace(media, focus=editing.parse_focus(focus))
    keep_media(call, media)
    return media_answer(call, media)


class GoToSocial(Family):
    """Edits must be JSON; what they leave out is lost, the language too."""

    name = "gotosocial"
    default_version = "0.20.0"
    ids = Ulids()
    limited_by = "address"
    too_many = "rate limit reached"
    always_token = True
    routes = (
        route("GET", "/api/v1/media/:id", show_media, "write:media", "read:media", required=True),
        route("PUT", "/api/v1/media/:id", update_media, "write:media", required=True),
    )

    @property
    def missing(self) -> frozenset[tuple[str, str]]:
        """Editing came with 0.18; sources and a history were there before (pull request 3628)."""
        return frozenset({("PUT", "/api/v1/statuses/:id")}) if self.release < (0, 18) else frozenset()

    def shape_instance(self, db: sqlite3.Connection, instance: Json) -> Json:
        """The limit of alt texts is here since 0.20, and never in the older object."""
        instance = self.shape_instance_v1(db, instance)
        if self.release >= (0, 20):
            instance["configuration"]["media_attachments"]["description_limit"] = self.alt_limit(db)
        return instance

    def shape_instance_v1(self, db: sqlite3.Connection, instance: Json) -> Json:
        """`source_url` tells who it is."""
        instance["configuration"]["media_attachments"].pop("description_limit")
        instance.pop("api_versions", None)
        return {**instance, "source_url": "https://codeberg.org/superseriousbusiness/gotosocial"}

    def bad_token(self, route: Route, request: Request, token: Token | None) -> ApiError:
        """One refusal for all reasons."""
        return ApiError(401, "Unauthorized: token not supplied or not valid")

    def missing_scope(self, route: Route) -> ApiError:
        """Names what is missing."""
        return ApiError(403, f"Forbidden: token has insufficient scope permission, needs {' or '.join(route.scopes)}")

    def allows(self, token: Token, route: Route) -> bool:
        """Scopes are looked at since 0.19."""
        return self.release < (0, 19) or super().allows(token, route)

    def shape_status(self, status: Status, entity: Json) -> Json:
        """An interaction policy instead of a quote policy."""
        entity.pop("quote_approval", None)
        policy = json.loads(status.interaction_policy) if status.interaction_policy else INTERACTION_POLICY
        return {**entity, "interaction_policy": policy, "content_type": status.content_type}

    def shape_source(self, status: Status, entity: Json) -> Json:
        """The source has a content type since editing keeps it."""
        return {**entity, "content_type": status.content_type} if self.release >= (0, 19) else entity

    def alt_text(self, db: sqlite3.Connection, text: str | None) -> str | None:
        """Without tags, trimmed, LF only; too long or too short is 400."""
        if text is None:
            return None
        plain = html.unescape(re.sub(r"<[^<>]+>", "", text)).replace("\r\n", "\n").strip()
        if len(plain) > self.alt_limit(db):
            reason = f"media description is longer than {self.alt_limit(db)} chars, got {len(plain)}"
            raise ApiError(400, f"Bad Request: {reason}")
        if len(plain) < self.alt_minimum(db):
            raise ApiError(400, f"Bad Request: media description less than {self.alt_minimum(db)} chars")
        return plain

    def edit(self, call: Call, before: Status) -> Status:
        """As internal/processing/status/edit.go; alt texts are stored as they come, whatever their length."""
        params = call.params
        attributes = params.get("media_attributes") if call.request.is_json else None
        chosen = self._chosen(call, before, params)
        described = _described(chosen, attributes if isinstance(attributes, list) else [])
        found = store.poll(call.db, before.id)
        poll = editing.poll_sent(params, found[1] if found else None)
        after = replace(
            before,
            text=editing.string(params, "status"),
            spoiler_text=editing.string(params, "spoiler_text"),
            sensitive=truthy(params.get("sensitive")),
            language=editing.language_sent(params, author_language(call, before)),
            media_ids=tuple(one.id for one in chosen),
            content_type=self._content_type(params, before),
        )
        if not after.text.strip() and not chosen:
            raise ApiError(400, "Bad Request: no text or media provided")
        if after == before and described == chosen and poll == (found[1] if found else None):
            raise ApiError(422, "Unprocessable Entity: status was not changed")
        return editing.write(call.db, before, after, described, poll)

    def _chosen(self, call: Call, before: Status, params: dict[str, Any]) -> list[Media]:
        given = params.get("media_ids")
        ids = given if isinstance(given, list) else []
        if call.request.is_json and params.get("media_attributes") and not ids:
            raise ApiError(400, "Bad Request: media_attributes given without media_ids")
        chosen = editing.chosen_media(call.db, before.account_id, before.id, {"media_ids": ids})
        if len(chosen) != len(ids):
            raise ApiError(400, "Bad Request: media not found, or attached to another status")
        return chosen

    def _content_type(self, params: dict[str, Any], before: Status) -> str:
        given = editing.string(params, "content_type")
        if given in CONTENT_TYPES:
            return given
        return before.content_type if self.release >= (0, 19) else CONTENT_TYPES[0]


def _described(chosen: list[Media], attributes: list[Any]) -> list[Media]:
    """The chosen pictures with their attributes; a description that is left out is wiped, a focus stays."""
    described = {str(one.id): one for one in chosen}
    for given in (one for one in attributes if isinstance(one, dict)):
        media = described.get(str(given.get("id")))
        if media is None:
            raise ApiError(400, "Bad Request: media_attributes for media that media_ids does not name")
        focus = given.get("focus")
        described[str(media.id)] = replace(
            media,
            description=given["description"] if isinstance(given.get("description"), str) else None,
            focus=editing.parse_focus(focus) if isinstance(focus, str) and focus else media.focus,
        )
    return list(described.values())
