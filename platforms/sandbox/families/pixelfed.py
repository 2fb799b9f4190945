"""Pixelfed, 0.11.13 unless another version is asked for.

Not imitated: filters and licences of pictures, places, stories, collections, the faked blurhash, videos that play.
"""

import html
import json
import re
import sqlite3
import time
from dataclasses import replace
from typing import Any

from platforms.sandbox import editing, listing, store
from platforms.sandbox.families.base import Family, Json, keep_media, media_answer
from platforms.sandbox.routing import Call, Route, route
from platforms.sandbox.store import Account, Status, Token
from platforms.sandbox.wire import ApiError, Refusal, Request, Response, json_response, truthy

ALT_LIMIT = 1000  # PF_MEDIA_MAX_ALTTEXT_LENGTH
MEDIA_WRITES = 10  # per minute and user (ApiV1Controller::mediaUpdate)
CAPTION_LIMIT, WARNING_LIMIT, HISTORY_LIMIT = 500, 140, 10
CACHE_SECONDS = 6 * 3600


def purified(text: str) -> str:
    """What HTML Purifier leaves of a text: tags vanish, `&`, `<` and `>` become entities."""
    return html.escape(html.unescape(re.sub(r"<[^<>]+>", "", text)), quote=False)


def invalid(field: str, message: str) -> Refusal:
    """Laravel's refusal of a parameter."""
    return Refusal(json_response({"message": message, "errors": {field: [message]}}, 422))


def account_statuses(call: Call, pk: str) -> Response:
    """No Link header; see `page_of_statuses`."""
    statuses = page_of_statuses(call, call.account(pk), listing.page_length(call))
    return json_response([cached(call, one) for one in statuses])


def page_of_statuses(call: Call, author: Account, limit: int) -> list[Status]:
    """Newest first. `min_id` is a mere bound and wins over `max_id`; `since_id` is ignored.

    Never replies, boosts, direct posts, and albums in which pictures and videos are mixed. `only_media=false` counts
    as true, as every text but "" and "0" does in PHP.
    """
    shown = "('public', 'unlisted', 'private')" if call.owner.id == author.id else "('public', 'unlisted')"
    conditions = [
        "account_id = ?",
        f"visibility IN {shown}",
        "in_reply_to_id IS NULL",
        "reblog_of_id IS NULL",
        "(SELECT count(DISTINCT kind = 'image') FROM media WHERE media.status_id = statuses.id) < 2",
    ]
    values = [author.id]
    if call.request.text("only_media") not in (None, "", "0"):
        conditions.append("media_ids != '[]'")
    for name, sign in (("min_id", ">"), ("max_id", "<")):
        if (given := listing.bound(call, name)) is not None:
            conditions.append(f"id {sign} ?")
            values.append(given)
            break
    return listing.select(call, conditions, values, limit)


def show_status(call: Call, pk: str) -> Response:
    """One status, up to six hours old."""
    return json_response(cached(call, call.visible(pk)))


def cached(call: Call, status: Status) -> Json:
    """A status as it was when somebody first asked for it (StatusService)."""
    row = call.db.execute("SELECT body, created_at FROM cached_statuses WHERE status_id = ?", (status.id,)).fetchone()
    if row is not None and time.time() - float(row["created_at"]) < CACHE_SECONDS:
        kept: Json = json.loads(row["body"])
        return kept
    # Nothing may be written between the look and the note, or what was true before a write would be seen after it.
    call.db.execute("BEGIN IMMEDIATE")
    try:
        current = store.status(call.db, status.id)
        entity = call.entities.status(current or status)
        if current is not None:
            values = status.id, json.dumps(entity), str(time.time())
            call.db.execute("INSERT OR REPLACE INTO cached_statuses VALUES (?, ?, ?)", values)
    finally:
        call.db.execute("COMMIT")
    return entity


def forget(db: sqlite3.Connection, status_id: int | None) -> None:
    """Take a status out of the cache."""
    db.execute("DELETE FROM cached_statuses WHERE status_id = ?", (status_id,))


def status_history(call: Call, pk: str) -> Response:
    """Every version, newest first; nothing for a status that was never edited, 403 for one that not all may see."""
    status = call.visible(pk)
    if status.visibility not in ("public", "unlisted"):
        raise Refusal(json_response({"message": ""}, 403))
    return json_response(call.entities.history(status)[::-1] if store.edits(call.db, status.id) else [])


def show_media(call: Call, pk: str) -> Response:
    """A picture of the viewer that is not posted yet."""
    media = call.own_media(pk)
    if media.status_id is not None:
        raise ApiError(404, "Record not found")
    return media_answer(call, media)


def update_media(call: Call, pk: str) -> Response:
    """Describe a picture, posted or not (posted since 0.11.5), ten times a minute. What is absent is erased."""
    family = call.family
    _throttle(call)
    media = call.own_media(pk)
    if media.status_id is not None and family.release < (0, 11, 5):
        raise ApiError(404, "Record not found")
    # PHP does not read the body of a PUT that is a multipart form.
    params = {} if call.request.kind == "multipart/form-data" else call.request.params
    text = params.get("description")
    media = replace(media, description=family.alt_text(call.db, text if isinstance(text, str) else None))
    if isinstance(params.get("focus"), str):
        media = replace(media, focus=editing.parse_focus(params["focus"]))
    keep_media(call, media)
    forget(call.db, media.status_id)
    return media_answer(call, media)


def _throttle(call: Call) -> None:
    name = f"media_writes_of_{call.owner.id}"
    allowed = int(store.setting(call.db, "media_writes_per_minute") or MEDIA_WRITES)
    recent = [at for at in json.loads(store.setting(call.db, name) or "[]") if at > time.time() - 60]
    if len(recent) >= allowed:
        raise ApiError(429, "Too many attempts, please try again later.")
    store.set_setting(call.db, name, json.dumps([*recent, time.time()]))


class Pixelfed(Family):
    """Alt texts are written picture by picture; an edit of the post knows nothing of them and loses much."""

    name = "pixelfed"
    default_version = "0.11.13"
    limited_by = ""
    always_token = True
    nodeinfo_path = "/api/nodeinfo/2.0.json"
    routes = (
        route("GET", "/api/v1/accounts/:id/statuses", account_statuses, "read:statuses"),
        route("GET", "/api/v1/statuses/:id", show_status, "read:statuses"),
        route("GET", "/api/v1/statuses/:id/history", status_history, "read:statuses"),
        route("GET", "/api/v1/media/:id", show_media, "write:media", required=True),
        route("PUT", "/api/v1/media/:id", update_media, "write:media", required=True),
    )

    @property
    def api_version(self) -> str:
        """Says that it is like a Mastodon of long ago."""
        return f"3.5.3 (compatible; Pixelfed {self.version})"

    @property
    def missing(self) -> frozenset[tuple[str, str]]:
        """No source in any version; editing came with 0.11.8."""
        source = frozenset({("GET", "/api/v1/statuses/:id/source")})
        edit = frozenset({("PUT", "/api/v1/statuses/:id"), ("GET", "/api/v1/statuses/:id/history")})
        return source | edit if self.release < (0, 11, 8) else source

    def shape_instance(self, db: sqlite3.Connection, instance: Json) -> Json:
        """The limit of alt texts is nowhere."""
        instance["configuration"]["media_attachments"].pop("description_limit")
        instance.pop("api_versions", None)
        return instance

    def shape_instance_v1(self, db: sqlite3.Connection, instance: Json) -> Json:
        """See `shape_instance`."""
        return self.shape_instance(db, instance)

    def allows(self, token: Token, route: Route) -> bool:
        """Passport knows only whole scopes: `read:statuses` is nothing to it."""
        return any(scope.partition(":")[0] in token.scopes for scope in route.scopes if scope != "profile")

    def bad_token(self, route: Route, request: Request, token: Token | None) -> ApiError:
        """401 where Laravel's guard stands before the route, 403 where the endpoint looks for itself."""
        if route.required:
            return Refusal(json_response({"message": "Unauthenticated."}, 401))
        return Refusal(json_response({"message": ""}, 403))

    def missing_scope(self, route: Route) -> ApiError:
        """Does not say which."""
        return Refusal(json_response({"message": "Invalid scope(s) provided."}, 403))

    def shape_status(self, status: Status, entity: Json) -> Json:
        """Neither language nor poll."""
        entity.pop("quote_approval", None)
        return {**entity, "language": None, "poll": None}

    def alt_limit(self, db: sqlite3.Connection) -> int:
        """1000, or what the operator chose."""
        return int(store.setting(db, "alt_limit") or ALT_LIMIT)

    def alt_text(self, db: sqlite3.Connection, text: str | None) -> str | None:
        """Purified; too long is 422."""
        if text is None:
            return None
        if len(text) > self.alt_limit(db):
            raise invalid("description", f"The description must not be greater than {self.alt_limit(db)} characters.")
        return purified(text)

    def changed_elsewhere(self, db: sqlite3.Connection, status: Status) -> None:
        """Whatever changes a post through Pixelfed itself takes it out of the cache."""
        forget(db, status.id)

    def edit(self, call: Call, before: Status) -> Status:
        """As StatusEditController, StoreStatusEditRequest and UpdateStatusService; `media_attributes` are ignored."""
        params = {} if call.request.kind == "multipart/form-data" else call.params
        _validate(params)
        if len(store.edits(call.db, before.id)) >= HISTORY_LIMIT:  # the original is one of them
            raise Refusal(json_response({"message": "You cannot edit your post more than 10 times."}, 400))
        kept = self._kept_media(call, before, params)
        sensitive = truthy(params["sensitive"]) if params.get("sensitive") is not None else before.sensitive
        warning = purified(editing.string(params, "spoiler_text"))
        after = replace(
            before,
            text=purified(editing.string(params, "status")),
            spoiler_text=warning if sensitive else "",
            sensitive=sensitive,
            media_ids=kept,
        )
        found = store.poll(call.db, before.id)
        after = editing.write(call.db, before, after, [], found[1] if found else None)
        forget(call.db, before.id)
        for lost in set(before.media_ids) - set(kept):
            store.delete_media(call.db, lost)
        return after

    def _kept_media(self, call: Call, before: Status, params: dict[str, Any]) -> tuple[int, ...]:
        """What is left of the pictures. Of an album those that were not sent are deleted from the storage."""
        if len(before.media_ids) < 2:
            return before.media_ids
        if "media_ids" not in params:
            raise Refusal(json_response({"message": "Server Error"}, 500))
        sent = params["media_ids"] if isinstance(params["media_ids"], list) else []
        found = editing.chosen_media(call.db, before.account_id, before.id, {"media_ids": sent})
        if len(found) != len(sent):
            raise Refusal(json_response({"message": "No query results for model [App\\Media]."}, 404))
        return tuple(one.id for one in found if one.id in before.media_ids)


def _validate(params: dict[str, Any]) -> None:
    """Laravel's rules for an edit."""
    for name, limit in (("status", CAPTION_LIMIT), ("spoiler_text", WARNING_LIMIT)):
        if len(editing.string(params, name)) > limit:
            raise invalid(name, f"The {name.replace('_', ' ')} must not be greater than {limit} characters.")
    if params.get("media_ids") is not None and not isinstance(params["media_ids"], list):
        raise invalid("media_ids", "The media ids must be an array.")
    if "status" not in params and not params.get("media_ids"):
        raise invalid("media_ids", "The media ids field is required when status is not present.")
