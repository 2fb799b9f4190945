"""snac, 2.96 unless another version is asked for; 2.75 is the one of Debian 13.

Not imitated: connections that close without saying so, and the 404s in passing that 2.96 gave under load.
"""

import sqlite3
from dataclasses import replace
from datetime import datetime
from typing import Any

from platforms.sandbox import editing, listing, store
from platforms.sandbox.families.base import Family, Json, keep_media, media_answer
from platforms.sandbox.ids import Digests
from platforms.sandbox.routing import Call, Route, route
from platforms.sandbox.store import Media, Status, Token
from platforms.sandbox.wire import ApiError, Refusal, Request, Response, json_response, truthy

EDITS_WORK = (2, 96)
ENDLESS_PAGE = 20


def account_statuses(call: Call, pk: str) -> Response:
    """Whatever `only_media` says. Before 2.96 always the same page, whatever is asked; never a Link header."""
    author = call.account(pk)
    call = replace(call, request=replace(call.request, params={**call.request.params, "only_media": ""}))
    if call.family.release < EDITS_WORK:
        conditions, values = listing.filters(call, author)
        statuses = listing.select(call, conditions, values, ENDLESS_PAGE)
    else:
        statuses = listing.page_of_statuses(call, author, listing.page_length(call))
    return json_response([call.entities.status(one) for one in statuses])


def show_media(call: Call, pk: str) -> Response:
    """A picture of the viewer, since 2.96."""
    return media_answer(call, call.own_media(pk))


def update_media(call: Call, pk: str) -> Response:
    """Describe a picture that is not posted yet; of any other it says that it did, and does nothing."""
    text = call.request.text("description") or ""
    try:
        media = replace(call.own_media(pk), description=text)
    except ApiError:
        return json_response({"id": pk, "type": "image", "url": pk, "preview_url": pk, "description": text})
    if media.status_id is None:
        keep_media(call, media)
    return media_answer(call, media)


class Snac(Family):
    """Ids change with edits, and 2.75 says that it edited alt texts when it did not."""

    name = "snac"
    default_version = "2.96"
    ids = Digests()
    limited_by = ""
    nodeinfo_path = "/nodeinfo_2_0"
    routes = (
        route("GET", "/api/v1/accounts/:id/statuses", account_statuses, "read:statuses"),
        route("GET", "/api/v1/media/:url", show_media, "write:media", required=True),
        route("PUT", "/api/v1/media/:url", update_media, "write:media", required=True),
    )

    @property
    def api_version(self) -> str:
        """As it writes it."""
        return f"4.0.0 (not true; really snac/{self.version})"

    @property
    def missing(self) -> frozenset[tuple[str, str]]:
        """Neither the second instance object nor a history; uploads cannot be read before 2.96."""
        always = frozenset({("GET", "/api/v2/instance"), ("GET", "/api/v1/statuses/:id/history")})
        return always if self.release >= EDITS_WORK else always | {("GET", "/api/v1/media/:url")}

    def shape_instance_v1(self, db: sqlite3.Connection, instance: Json) -> Json:
        """No limit of alt texts."""
        instance["configuration"]["media_attachments"].pop("description_limit")
        return instance

    def bad_token(self, route: Route, request: Request, token: Token | None) -> ApiError:
        """An empty 422 to the question who one is, 401 elsewhere."""
        status = 422 if route.path == "/api/v1/accounts/verify_credentials" else 401
        return Refusal(Response(status, b"", {"Content-Type": "text/plain"}))

    def allows(self, token: Token, route: Route) -> bool:
        """Scopes are ignored."""
        return True

    def status_id(self, status: Status) -> str:
        """The time of the file before the digest: it changes with an edit, and the id of before still resolves."""
        written = _seconds(status.created_at)
        if status.edited_at:
            written = max(_seconds(status.edited_at), written + 1)
        return f"{written:010d}{self.ids.encode('status', status.id)}"

    def permanent_id(self, status: Status) -> str:
        """The digest with the time of publishing."""
        return f"{_seconds(status.created_at):010d}{self.ids.encode('status', status.id)}"

    def media_id(self, db: sqlite3.Connection, base_url: str, media: Media) -> str:
        """The address of the post and a number once it is posted; before, something else.

        The number is snac's position in the post there, and the store's own here.
        """
        status = store.status(db, media.status_id) if media.status_id is not None else None
        if status is None:
            return self.ids.encode("media", media.id)
        author = store.author(db, status)
        return f"{base_url}/users/{author.username}/statuses/{self.permanent_id(status)}_{media.id}"

    def shape_status(self, status: Status, entity: Json) -> Json:
        """Nothing about quotes."""
        entity.pop("quote_approval", None)
        return entity

    def alt_text(self, db: sqlite3.Connection, text: str | None) -> str | None:
        """Of any length."""
        return text

    def edit(self, call: Call, before: Status) -> Status:
        """Pictures stay whatever is sent. 2.96 takes alt texts from JSON; 2.75 takes none and says 200."""
        params, works = call.params, self.release >= EDITS_WORK
        kept = store.media(call.db, before.media_ids)
        described = _described(kept, params) if works and call.request.is_json else kept
        warning = editing.string(params, "spoiler_text") if works or "spoiler_text" in params else before.spoiler_text
        sensitive = truthy(params.get("sensitive")) if works or "sensitive" in params else before.sensitive
        after = replace(
            before,
            text=editing.string(params, "status"),
            spoiler_text=warning,
            sensitive=sensitive,
            language="en",
            visibility="public" if before.visibility == "unlisted" and not works else before.visibility,
            links=before.links and works,
        )
        found = store.poll(call.db, before.id)
        return editing.write(call.db, before, after, described, found[1] if found else None)


def _described(kept: list[Media], params: dict[str, Any]) -> list[Media]:
    """The pictures with the texts that were sent, verbatim."""
    attributes = params.get("media_attributes")
    texts = {
        str(given.get("id")): given["description"]
        for given in (attributes if isinstance(attributes, list) else [])
        if isinstance(given, dict) and isinstance(given.get("description"), str)
    }
    return [replace(one, description=texts.get(str(one.id), one.description)) for one in kept]


def _seconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp())
