"""snac, 2.96 unless another version is asked for; 2.75 is the one of Debian 13.

The facts are those of the real ones in platforms/tests/test_real_snac.py.

Not imitated: connections that close without saying so, the 404s in passing that 2.96 gave under load, posts without a
source, that a reply which names whom it answers mentions them twice, and the position of a picture in its id (the
number there is the store's).
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
MOST_LISTED = 256


def account_statuses(call: Call, pk: str) -> Response:
    """The newest 256 public and unlisted posts, without boosts, whatever `only_media` says; never a Link header.

    Before 2.96 always all of them, whatever is asked. Since then `limit` holds, and `max_id` where it is an id of now:
    below the one that a post had before an edit there is nothing.
    """
    conditions = ["account_id = ?", "visibility IN ('public', 'unlisted')", "reblog_of_id IS NULL"]
    statuses = listing.select(call, conditions, [call.account(pk).id], MOST_LISTED)
    if call.family.release >= EDITS_WORK:
        if max_id := call.request.text("max_id"):
            ids = [call.family.status_id(one) for one in statuses]
            statuses = statuses[ids.index(max_id) + 1 :] if max_id in ids else []
        given = call.request.number("limit")
        statuses = statuses[: listing.PAGE_SIZE if given is None else given]
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
        """No limit of alt texts, and hardly one of posts."""
        instance["configuration"]["media_attachments"].pop("description_limit")
        instance["configuration"]["statuses"]["max_characters"] = 100_000
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
        """Nothing about quotes, and every post is shown as English, whatever its language is."""
        entity.pop("quote_approval", None)
        return {**entity, "language": "en"}

    def shape_media(self, media: Media, entity: Json) -> Json:
        """No alt text is an empty one."""
        return {**entity, "description": media.description or ""}

    def mentions_addressee(self, status: Status) -> bool:
        """Whom a reply answers is mentioned without being named, until 2.96 edits the reply."""
        return status.edited_at is None or self.release < EDITS_WORK

    def alt_text(self, db: sqlite3.Connection, text: str | None) -> str | None:
        """Of any length."""
        return text

    def edit(self, call: Call, before: Status) -> Status:
        """Pictures stay whatever is sent. 2.96 takes alt texts from JSON; 2.75 takes none and says 200.

        2.96 keeps a content warning only with `sensitive`.
        """
        params, works = call.params, self.release >= EDITS_WORK
        kept = store.media(call.db, before.media_ids)
        described = _described(kept, params) if works and call.request.is_json else kept
        warning = editing.string(params, "spoiler_text") if works or "spoiler_text" in params else before.spoiler_text
        sensitive = truthy(params.get("sensitive")) if works or "sensitive" in params else before.sensitive
        opened = not works and before.visibility == "unlisted" and "visibility" not in params
        after = replace(
            before,
            text=editing.string(params, "status"),
            spoiler_text=warning if sensitive or not works else "",
            sensitive=sensitive,
            visibility="public" if opened else before.visibility,
            links=before.links and works,
        )
        found = store.poll(call.db, before.id)
        return editing.write(call.db, before, after, described, found[1] if found else None)


def _described(kept: list[Media], params: dict[str, Any]) -> list[Media]:
    """The pictures with the texts that were sent, verbatim; an unknown picture is taken for the first one."""
    described = {str(one.id): one for one in kept}
    attributes = params.get("media_attributes")
    for given in attributes if isinstance(attributes, list) and kept else []:
        if isinstance(given, dict) and isinstance(given.get("description"), str):
            one = described.get(str(given.get("id")), described[str(kept[0].id)])
            described[str(one.id)] = replace(one, description=given["description"])
    return list(described.values())


def _seconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp())
