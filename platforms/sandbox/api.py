"""The JSON endpoints. `dispatch` finds the one that a request means and checks its token first."""

import sqlite3
from dataclasses import replace

from platforms.sandbox import editing, entities, families, oauth, pictures, store
from platforms.sandbox.families.base import Family
from platforms.sandbox.listing import account_statuses
from platforms.sandbox.routing import Call, Route, route
from platforms.sandbox.store import Status
from platforms.sandbox.wire import ApiError, Request, Response, Upload, json_response

NODEINFO = "http://nodeinfo.diaspora.software/ns/schema/2.0"


def find(family: Family, method: str, path: str) -> tuple[Route, tuple[str, ...]] | None:
    """The route for a request, and the ids in its path. What a family does in its own way comes first."""
    wanted = "GET" if method == "HEAD" else method
    for one in (*family.routes, nodeinfo_route(family), *ROUTES):
        found = one.pattern.fullmatch(path) if one.method == wanted else None
        if found:
            return None if (one.method, one.path) in family.missing else (one, found.groups())
    return None


def status_of(db: sqlite3.Connection, family: Family, request: Request, given: str | None = None) -> Status | None:
    """The status that a request is about, also by one of its pictures; `given` is the id of another one to take."""
    found = find(family, request.method, request.path)
    pk = given or (found[1][0] if found and found[1] else "")
    if not given and found and found[0].path.startswith("/api/v1/media/"):
        media = store.media(db, [family.ids.decode("media", pk) or 0])
        return store.status(db, media[0].status_id) if media and media[0].status_id else None
    known = family.ids.decode("status", pk)
    return store.status(db, known) if known is not None else None


def dispatch(db: sqlite3.Connection, request: Request, token: store.Token | None) -> Response:
    """Answer one API request. Raises ApiError for every refusal."""
    family = families.of(db)
    found = find(family, request.method, request.path + ("/" if request.slash and family.exact_paths else ""))
    if found is None:
        if answer := oauth.dispatch(db, request, token, family.habits):
            return answer
        raise family.not_found()
    route, ids = found
    family.authorise(route, request, token)
    known = token if token and route.scopes and not token.revoked else None
    viewer = store.account_named(db, known.username) if known else None
    return route.endpoint(Call(db, request, viewer, family), *ids)


# Instance


def nodeinfo_links(call: Call) -> Response:
    """Where nodeinfo is."""
    return json_response({"links": [{"rel": NODEINFO, "href": call.family.nodeinfo_href(call.request.base_url)}]})


def nodeinfo(call: Call) -> Response:
    """Which software this is."""
    users, posts = call.db.execute("SELECT (SELECT count(*) FROM accounts), (SELECT count(*) FROM statuses)").fetchone()
    return json_response(
        {
            "version": "2.0",
            "software": {"name": call.family.name, "version": call.family.version},
            "protocols": ["activitypub"],
            "services": {"outbound": [], "inbound": []},
            "usage": {"users": {"total": users}, "localPosts": posts},
            "openRegistrations": False,
            "metadata": {"nodeName": "Vedfolnir sandbox"},
        }
    )


def nodeinfo_route(family: Family) -> Route:
    """Nodeinfo, at the address where this family has it."""
    return route("GET", family.nodeinfo_path, nodeinfo)


def instance_v2(call: Call) -> Response:
    """Limits and version."""
    return json_response(entities.instance(call.db, call.request.base_url, call.family))


def instance_v1(call: Call) -> Response:
    """Limits and version, the older form."""
    return json_response(entities.instance_v1(call.db, call.request.base_url, call.family))


# Accounts


def verify_credentials(call: Call) -> Response:
    """Who the token belongs to."""
    return json_response(call.entities.credential_account(call.owner))


def account(call: Call, pk: str) -> Response:
    """One account by id."""
    return json_response(call.entities.account(call.account(pk)))


def account_lookup(call: Call) -> Response:
    """One account by name."""
    found = store.account_named(call.db, (call.request.text("acct") or "").removeprefix("@"))
    if found is None:
        raise ApiError(404, "Record not found")
    return json_response(call.entities.account(found))


# Statuses


def show_status(call: Call, pk: str) -> Response:
    """One status."""
    return json_response(call.entities.status(call.visible(pk)))


def status_source(call: Call, pk: str) -> Response:
    """The text as its author wrote it."""
    status = call.visible(pk)
    source = {"id": call.family.status_id(status), "text": status.text, "spoiler_text": status.spoiler_text}
    return json_response(call.family.shape_source(status, source))


def status_history(call: Call, pk: str) -> Response:
    """Every version, oldest first."""
    return json_response(call.entities.history(call.visible(pk)))


def create_status(call: Call) -> Response:
    """Publish."""
    return json_response(call.entities.status(editing.create(call.db, call.owner, call.params)))


def edit_status(call: Call, pk: str) -> Response:
    """Edit; what gets lost is told at `edit` of each family."""
    return json_response(call.entities.status(call.family.edit(call, call.own(pk))))


def delete_status(call: Call, pk: str) -> Response:
    """Delete; the answer carries the source, so that it can be drafted again."""
    status = call.own(pk)
    answer = {**call.entities.status(status), "text": status.text}
    store.delete_status(call.db, status.id)
    return json_response(answer)


# Media


def _unposted(call: Call, pk: str) -> store.Media:
    """A picture of the viewer that no status shows yet, else 404: Mastodon lets nobody touch the others here."""
    media = call.own_media(pk)
    if media.status_id is not None:
        raise ApiError(404, "Record not found")
    return media


def upload_media(call: Call) -> Response:
    """Take a picture; it is ready at once, so the answer is 200."""
    upload = call.request.params.get("file")
    if not isinstance(upload, Upload):
        raise ApiError(422, "Validation failed: File can't be blank")
    if len(upload.data) > pictures.SIZE_LIMIT:
        raise ApiError(422, "Validation failed: File file size must be less than 16 MB")
    description = call.family.alt_text(call.db, call.request.text("description"))
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


STATUSES, WRITE_STATUSES, WRITE_MEDIA = "read:statuses", "write:statuses", "write:media"
ROUTES = (
    route("GET", "/.well-known/nodeinfo", nodeinfo_links),
    route("GET", "/api/v2/instance", instance_v2),
    route("GET", "/api/v1/instance", instance_v1),
    route("GET", "/api/v1/accounts/verify_credentials", verify_credentials, "read:accounts", "profile", required=True),
    route("GET", "/api/v1/accounts/lookup", account_lookup, "read:accounts"),
    route("GET", "/api/v1/accounts/:id", account, "read:accounts"),
    route("GET", "/api/v1/accounts/:id/statuses", account_statuses, STATUSES),
    route("POST", "/api/v1/statuses", create_status, WRITE_STATUSES, required=True),
    route("GET", "/api/v1/statuses/:id", show_status, STATUSES),
    route("PUT", "/api/v1/statuses/:id", edit_status, WRITE_STATUSES, required=True),
    route("DELETE", "/api/v1/statuses/:id", delete_status, WRITE_STATUSES, required=True),
    route("GET", "/api/v1/statuses/:id/source", status_source, STATUSES, required=True),
    route("GET", "/api/v1/statuses/:id/history", status_history, STATUSES),
    route("POST", "/api/v2/media", upload_media, WRITE_MEDIA, required=True),
    route("GET", "/api/v1/media/:id", show_media, WRITE_MEDIA, required=True),
    route("PUT", "/api/v1/media/:id", update_media, WRITE_MEDIA, required=True),
)
