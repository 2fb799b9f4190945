"""The JSON endpoints. `dispatch` finds the one that a request means and checks its token first."""

import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from platforms.sandbox import editing, entities, oauth, pictures, store
from platforms.sandbox.entities import Entities
from platforms.sandbox.oauth.habits import HABITS
from platforms.sandbox.store import Account, Status
from platforms.sandbox.wire import ApiError, Request, Response, Upload, json_response

NODEINFO = "http://nodeinfo.diaspora.software/ns/schema/2.0"
PAGE_SIZE, PAGE_LIMIT = 20, 40


@dataclass(frozen=True)
class Call:
    """What an endpoint works with. `viewer` is None for a request without a token."""

    db: sqlite3.Connection
    request: Request
    viewer: Account | None

    @property
    def entities(self) -> Entities:
        """Builder of JSON objects, seen with the viewer's eyes."""
        return Entities(self.db, self.request.base_url, self.viewer)

    @property
    def owner(self) -> Account:
        """The viewer, where the endpoint requires one."""
        if self.viewer is None:
            raise ApiError(401, "The access token is invalid")
        return self.viewer

    def visible(self, pk: str) -> Status:
        """A status that the viewer may see, else 404."""
        status = store.status(self.db, int(pk))
        if status is None or not self._may_see(status):
            raise ApiError(404, "Record not found")
        return status

    def own(self, pk: str) -> Status:
        """A status of the viewer, else 404."""
        status = store.status(self.db, int(pk))
        if status is None or status.account_id != self.owner.id:
            raise ApiError(404, "Record not found")
        return status

    def _may_see(self, status: Status) -> bool:
        if status.visibility in ("public", "unlisted"):
            return True
        if self.viewer is None:
            return False
        return status.account_id == self.viewer.id or f"@{self.viewer.username}" in status.text


Endpoint = Callable[..., Response]


@dataclass(frozen=True)
class Route:
    """An endpoint and who may call it: anybody, or (`required`) only a token with one of `scopes`."""

    method: str
    pattern: re.Pattern[str]
    endpoint: Endpoint
    scopes: tuple[str, ...]
    required: bool


def find(method: str, path: str) -> tuple[Route, tuple[str, ...]] | None:
    """The route for a request, and the ids in its path."""
    wanted = "GET" if method == "HEAD" else method
    for route in ROUTES:
        found = route.pattern.fullmatch(path)
        if found and route.method == wanted:
            return route, found.groups()
    return None


def dispatch(db: sqlite3.Connection, request: Request, token: store.Token | None) -> Response:
    """Answer one API request. Raises ApiError for every refusal."""
    found = find(request.method, request.path)
    if found is None:
        if answer := oauth.dispatch(db, request, token, HABITS["mastodon"]):
            return answer
        raise ApiError(404, "Not Found")
    route, ids = found
    authorise(route, request, token)
    viewer = store.account_named(db, token.username) if token and route.scopes else None
    return route.endpoint(Call(db, request, viewer), *ids)


def authorise(route: Route, request: Request, token: store.Token | None) -> None:
    """Raise ApiError 401 or 403 as Mastodon does.

    Where a token is not required, an unknown one counts as none (Doorkeeper finds nothing); a revoked one is refused.
    """
    if not route.scopes:
        return
    if token is None:
        if route.required:
            raise ApiError(
                401, "The access token is invalid" if request.token else "This method requires an authenticated user"
            )
        return
    if token.revoked:
        raise ApiError(401, "The access token was revoked")
    if not token.allows(*route.scopes):
        raise ApiError(403, "This action is outside the authorized scopes")


# Instance


def nodeinfo_links(call: Call) -> Response:
    """Where nodeinfo is."""
    return json_response({"links": [{"rel": NODEINFO, "href": f"{call.request.base_url}/nodeinfo/2.0"}]})


def nodeinfo(call: Call) -> Response:
    """Which software this is."""
    users, posts = call.db.execute("SELECT (SELECT count(*) FROM accounts), (SELECT count(*) FROM statuses)").fetchone()
    return json_response(
        {
            "version": "2.0",
            "software": {"name": "mastodon", "version": entities.VERSION},
            "protocols": ["activitypub"],
            "services": {"outbound": [], "inbound": []},
            "usage": {"users": {"total": users}, "localPosts": posts},
            "openRegistrations": False,
            "metadata": {"nodeName": "Vedfolnir sandbox"},
        }
    )


def instance_v2(call: Call) -> Response:
    """Limits and version."""
    return json_response(entities.instance(call.request.base_url))


def instance_v1(call: Call) -> Response:
    """Limits and version, the older form."""
    return json_response(entities.instance_v1(call.db, call.request.base_url))


# Accounts


def verify_credentials(call: Call) -> Response:
    """Who the token belongs to."""
    return json_response(call.entities.credential_account(call.owner))


def account(call: Call, pk: str) -> Response:
    """One account by id."""
    found = store.account(call.db, int(pk))
    if found is None:
        raise ApiError(404, "Record not found")
    return json_response(call.entities.account(found))


def account_lookup(call: Call) -> Response:
    """One account by name."""
    found = store.account_named(call.db, (call.request.text("acct") or "").removeprefix("@"))
    if found is None:
        raise ApiError(404, "Record not found")
    return json_response(call.entities.account(found))


def account_statuses(call: Call, pk: str) -> Response:
    """Posts of an account, newest first. The owner sees private and direct ones too."""
    found = store.account(call.db, int(pk))
    if found is None:
        raise ApiError(404, "Record not found")

    given = call.request.number("limit")
    limit = min(PAGE_SIZE if given is None else abs(given), PAGE_LIMIT)
    statuses = page_of_statuses(call, found, limit)
    headers = {"Link": _links(call, found, statuses, limit)} if statuses else {}
    return json_response([call.entities.status(one) for one in statuses], headers=headers)


def page_of_statuses(call: Call, author: Account, limit: int) -> list[Status]:
    """One page. `min_id` pages forward from that id (and wins over `since_id`); the others give the newest first."""
    conditions, values = ["account_id = ?"], [author.id]
    if call.viewer is None or call.viewer.id != author.id:
        conditions.append("visibility IN ('public', 'unlisted')")
    if call.request.flag("only_media"):
        conditions.append("media_ids != '[]'")
    if call.request.flag("exclude_reblogs"):
        conditions.append("reblog_of_id IS NULL")
    if call.request.flag("exclude_replies"):  # replies to oneself stay
        own = "SELECT id FROM statuses WHERE account_id = ?"
        conditions.append(f"(in_reply_to_id IS NULL OR in_reply_to_id IN ({own}))")
        values.append(author.id)

    max_id, min_id, since_id = (call.request.number(name) for name in ("max_id", "min_id", "since_id"))
    lower = since_id if min_id is None else min_id
    for bound, sign in ((max_id, "<"), (lower, ">")):
        if bound is not None:
            conditions.append(f"id {sign} ?")
            values.append(bound)
    order = "DESC" if min_id is None else "ASC"
    rows = call.db.execute(
        f"SELECT * FROM statuses WHERE {' AND '.join(conditions)} ORDER BY id {order} LIMIT ?",  # noqa: S608
        [*values, limit],
    )
    return sorted((store.status_from(row) for row in rows), key=lambda one: -one.id)


def _links(call: Call, author: Account, statuses: list[Status], limit: int) -> str:
    kept = {
        name: call.request.params[name]
        for name in ("limit", "only_media", "exclude_replies", "exclude_reblogs")
        if isinstance(call.request.params.get(name), str)
    }
    url = f"{call.request.base_url}/api/v1/accounts/{author.id}/statuses"
    newer = urlencode({**kept, "min_id": statuses[0].id})
    older = urlencode({**kept, "max_id": statuses[-1].id})
    links = [f'<{url}?{older}>; rel="next"'] if len(statuses) == limit else []
    return ", ".join([*links, f'<{url}?{newer}>; rel="prev"'])


# Statuses


def show_status(call: Call, pk: str) -> Response:
    """One status."""
    return json_response(call.entities.status(call.visible(pk)))


def status_source(call: Call, pk: str) -> Response:
    """The text as its author wrote it."""
    status = call.visible(pk)
    return json_response({"id": str(status.id), "text": status.text, "spoiler_text": status.spoiler_text})


def status_history(call: Call, pk: str) -> Response:
    """Every version, oldest first."""
    return json_response(call.entities.history(call.visible(pk)))


def create_status(call: Call) -> Response:
    """Publish."""
    return json_response(call.entities.status(editing.create(call.db, call.owner, call.request.params)))


def edit_status(call: Call, pk: str) -> Response:
    """Edit; see `editing.update` for what gets lost."""
    return json_response(call.entities.status(editing.update(call.db, call.own(pk), call.request.params)))


def delete_status(call: Call, pk: str) -> Response:
    """Delete; the answer carries the source, so that it can be drafted again."""
    status = call.own(pk)
    answer = {**call.entities.status(status), "text": status.text}
    store.delete_status(call.db, status.id)
    return json_response(answer)


# Media


def _unposted(call: Call, pk: str) -> store.Media:
    """A picture of the viewer that no status shows yet, else 404: Mastodon lets nobody touch the others here."""
    found = store.media(call.db, [int(pk)])
    if not found or found[0].account_id != call.owner.id or found[0].status_id is not None:
        raise ApiError(404, "Record not found")
    return found[0]


def upload_media(call: Call) -> Response:
    """Take a picture; it is ready at once, so the answer is 200."""
    upload = call.request.params.get("file")
    if not isinstance(upload, Upload):
        raise ApiError(422, "Validation failed: File can't be blank")
    if len(upload.data) > pictures.SIZE_LIMIT:
        raise ApiError(422, "Validation failed: File file size must be less than 16 MB")
    description = call.request.text("description")
    editing.check_description(description)
    focus = call.request.text("focus")
    try:
        media = store.add_media(
            call.db,
            call.owner.id,
            upload.data,
            description=description,
            focus=editing.parse_focus(focus) if focus else "",
        )
    except pictures.NotAPicture as error:
        raise ApiError(422, str(error)) from error
    return json_response(call.entities.media(media))


def show_media(call: Call, pk: str) -> Response:
    """A picture that is not posted yet."""
    return json_response(call.entities.media(_unposted(call, pk)))


def update_media(call: Call, pk: str) -> Response:
    """Describe a picture that is not posted yet; 404 once it is."""
    media = _unposted(call, pk)
    if "description" in call.request.params:
        description = call.request.text("description")
        editing.check_description(description)
        media = replace(media, description=description)
    if focus := call.request.text("focus"):
        media = replace(media, focus=editing.parse_focus(focus))
    store.update_media(call.db, media)
    return json_response(call.entities.media(media))


def _route(method: str, path: str, endpoint: Endpoint, *scopes: str, required: bool = False) -> Route:
    return Route(method, re.compile(path.replace(":id", r"(\d{1,18})")), endpoint, scopes, required)


STATUSES, WRITE_STATUSES, WRITE_MEDIA = "read:statuses", "write:statuses", "write:media"
ROUTES = (
    _route("GET", "/.well-known/nodeinfo", nodeinfo_links),
    _route("GET", "/nodeinfo/2.0", nodeinfo),
    _route("GET", "/api/v2/instance", instance_v2),
    _route("GET", "/api/v1/instance", instance_v1),
    _route("GET", "/api/v1/accounts/verify_credentials", verify_credentials, "read:accounts", "profile", required=True),
    _route("GET", "/api/v1/accounts/lookup", account_lookup, "read:accounts"),
    _route("GET", "/api/v1/accounts/:id", account, "read:accounts"),
    _route("GET", "/api/v1/accounts/:id/statuses", account_statuses, STATUSES),
    _route("POST", "/api/v1/statuses", create_status, WRITE_STATUSES, required=True),
    _route("GET", "/api/v1/statuses/:id", show_status, STATUSES),
    _route("PUT", "/api/v1/statuses/:id", edit_status, WRITE_STATUSES, required=True),
    _route("DELETE", "/api/v1/statuses/:id", delete_status, WRITE_STATUSES, required=True),
    _route("GET", "/api/v1/statuses/:id/source", status_source, STATUSES, required=True),
    _route("GET", "/api/v1/statuses/:id/history", status_history, STATUSES),
    _route("POST", "/api/v2/media", upload_media, WRITE_MEDIA, required=True),
    _route("GET", "/api/v1/media/:id", show_media, WRITE_MEDIA, required=True),
    _route("PUT", "/api/v1/media/:id", update_media, WRITE_MEDIA, required=True),
)
