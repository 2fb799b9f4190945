"""Takahē 0.11.

Not imitated: pictures re-encoded to WebP, post types and formatting of its own, content as an HTML that it keeps.
"""

import sqlite3
from dataclasses import replace
from typing import Any

from platforms.sandbox import editing, listing, store
from platforms.sandbox.families.base import Family, Json, keep_media, media_answer, web_page
from platforms.sandbox.routing import Call, Route, route
from platforms.sandbox.store import Media, Status, Token
from platforms.sandbox.wire import ApiError, Refusal, Request, Response, json_response, truthy

MAIN_DOMAIN = "takahe.example"  # whatever name it was asked by, nodeinfo points to this one


def account_statuses(call: Call, pk: str) -> Response:
    """Never private or direct posts, not even to their owner; `only_media` repeats a post for each of its pictures."""
    author = call.account(pk)
    limit = listing.page_length(call)
    anybody = replace(call, viewer=None)
    statuses = listing.page_of_statuses(anybody, author, limit)
    if call.request.flag("only_media"):
        statuses = [one for one in statuses for _ in one.media_ids][:limit]
    headers = {"Link": listing.links(call, author, statuses, limit)} if statuses else {}
    return json_response([call.entities.status(one) for one in statuses], headers=headers)


def _media(call: Call, pk: str) -> Media:
    """A picture of the viewer; an id that is no number breaks the server."""
    if not pk.isascii() or not pk.isdigit():
        raise web_page(500, "Server Error (500)")
    return call.own_media(pk)


def show_media(call: Call, pk: str) -> Response:
    """A picture of the viewer, posted or not."""
    return media_answer(call, _media(call, pk))


def update_media(call: Call, pk: str) -> Response:
    """Describe a picture, posted or not. An absent description erases the one that was there; focus is ignored."""
    media = _media(call, pk)
    text = call.request.text("description")
    if text and "\0" in text:
        raise web_page(500, "Server Error (500)")
    media = replace(media, description=text)
    keep_media(call, media)
    return media_answer(call, media)


class Takahe(Family):
    """An edit publishes what was private; alt texts must be written picture by picture."""

    name = "takahe"
    default_version = "0.11.0"
    limited_by = ""
    exact_paths = True
    nodeinfo_path = "/nodeinfo/2.0/"
    routes = (
        route("GET", "/api/v1/accounts/:id/statuses", account_statuses, "read:statuses", required=True),
        route("GET", "/api/v1/media/:id", show_media, "read:media", "write:media", required=True),
        route("PUT", "/api/v1/media/:id", update_media, "write:media", required=True),
    )

    @property
    def api_version(self) -> str:
        """With its name before it."""
        return f"takahe/{self.version}"

    @property
    def missing(self) -> frozenset[tuple[str, str]]:
        """Nobody can see what was there before an edit."""
        return frozenset({("GET", "/api/v1/statuses/:id/history")})

    def nodeinfo_href(self, base_url: str) -> str:
        """Another host."""
        return f"https://{MAIN_DOMAIN}{self.nodeinfo_path}"

    def shape_instance(self, db: sqlite3.Connection, instance: Json) -> Json:
        """No limit of alt texts."""
        instance["configuration"]["media_attachments"].pop("description_limit")
        instance.pop("api_versions", None)
        return instance

    def shape_instance_v1(self, db: sqlite3.Connection, instance: Json) -> Json:
        """See `shape_instance`."""
        return self.shape_instance(db, instance)

    def not_found(self) -> ApiError:
        """A web page."""
        return web_page(404, "Not Found")

    def authorise(self, route: Route, request: Request, token: Token | None) -> None:
        """A token that is not valid is refused before anything else is looked at."""
        if request.token and (token is None or token.revoked):
            raise self.bad_token(route, request, token)
        super().authorise(route, request, token)

    def bad_token(self, route: Route, request: Request, token: Token | None) -> ApiError:
        """400 and no JSON; without any token 401."""
        if request.token:
            return Refusal(Response(400, b"Invalid Bearer token", {"Content-Type": "text/html; charset=utf-8"}))
        return ApiError(401, "identity_token_required")

    def allows(self, token: Token, route: Route) -> bool:
        """Who one is, it tells only to a token with the whole scope `read`."""
        if route.path == "/api/v1/accounts/verify_credentials":
            return "read" in token.scopes
        return super().allows(token, route)

    def missing_scope(self, route: Route) -> ApiError:
        """Does not say which."""
        return ApiError(403, "out_of_scope_for_token")

    def shape_status(self, status: Status, entity: Json) -> Json:
        """It keeps no language."""
        entity.pop("quote_approval", None)
        return {**entity, "language": None}

    def alt_text(self, db: sqlite3.Connection, text: str | None) -> str | None:
        """Of any length."""
        return text

    def edit(self, call: Call, before: Status) -> Status:
        """`Post.edit_local` is never told the visibility and sets it to public (activities/models/post.py)."""
        params = call.params
        if not isinstance(params.get("status"), str):
            raise ApiError(400, "status: field required")
        chosen = _described(editing.chosen_media(call.db, before.account_id, before.id, params), params)
        found = store.poll(call.db, before.id)
        after = replace(
            before,
            text=editing.string(params, "status"),
            spoiler_text=editing.string(params, "spoiler_text"),
            sensitive=truthy(params.get("sensitive")),
            visibility="public",
            media_ids=tuple(one.id for one in reversed(chosen)),
        )
        return editing.write(call.db, before, after, chosen, found[1] if found else None)


def _described(chosen: list[Media], params: dict[str, Any]) -> list[Media]:
    """The chosen pictures with their attributes, each of which must have a description; focus is ignored."""
    attributes = params.get("media_attributes")
    texts: dict[str, str] = {}
    for given in attributes if isinstance(attributes, list) else []:
        if not isinstance(given, dict) or not isinstance(given.get("description"), str):
            raise ApiError(400, "media_attributes: description: field required")
        texts[str(given.get("id"))] = given["description"]
    return [replace(one, description=texts.get(str(one.id), one.description)) for one in chosen]
