"""What a server family is to the sandbox: data and hooks, with Mastodon's answers where a family does not differ."""

import re
import sqlite3
from typing import Any, ClassVar

from platforms.sandbox import editing, store
from platforms.sandbox.entities import DESCRIPTION_LIMIT
from platforms.sandbox.ids import Ids
from platforms.sandbox.oauth.habits import HABITS, OAuthHabits
from platforms.sandbox.routing import Call, Route
from platforms.sandbox.store import Account, Media, Status, Token
from platforms.sandbox.wire import ApiError, Refusal, Request, Response, json_response

Json = dict[str, Any]


class Family:
    """How one software behaves, in one version of it."""

    name: ClassVar[str]
    default_version: ClassVar[str]
    ids: ClassVar[Ids] = Ids()
    # Whom the general rate limit counts: "token", "address" (of the client), or "" where there is none.
    limited_by: ClassVar[str] = "token"
    too_many: ClassVar[str] = "Too many requests"  # how the general rate limit refuses
    # Whether `/path/` is another address than `/path`.
    exact_paths: ClassVar[bool] = False
    # Whether tokens are needed even to read what is public.
    always_token: ClassVar[bool] = False
    nodeinfo_path: ClassVar[str] = "/nodeinfo/2.0"
    # Looked through before the routes that all families share.
    routes: ClassVar[tuple[Route, ...]] = ()

    def __init__(self, version: str = "") -> None:
        """`version` as the software names it; the usual one when empty. Raises ValueError when it is no number."""
        self.version = version or self.default_version
        found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", self.version)
        if found is None:
            raise ValueError(f"{self.version} is no version of {self.name}. Give numbers with dots.")
        self.release = tuple(int(one or 0) for one in found.groups())

    # Who it is

    @property
    def api_version(self) -> str:
        """What instance objects show as `version`."""
        return self.version

    @property
    def habits(self) -> OAuthHabits:
        """How it does OAuth."""
        return HABITS[self.name]

    @property
    def missing(self) -> frozenset[tuple[str, str]]:
        """Method and path of shared routes that this software, or this version of it, does not have."""
        return frozenset()

    def nodeinfo_href(self, base_url: str) -> str:
        """Where `/.well-known/nodeinfo` points to."""
        return base_url + self.nodeinfo_path

    def shape_instance(self, db: sqlite3.Connection, instance: Json) -> Json:
        """The object of `/api/v2/instance`, from Mastodon's."""
        return instance

    def shape_instance_v1(self, db: sqlite3.Connection, instance: Json) -> Json:
        """The object of `/api/v1/instance`, from Mastodon's."""
        return instance

    def not_found(self) -> ApiError:
        """The refusal of a path that does not exist."""
        return ApiError(404, "Not Found")

    # Who may do what

    def authorise(self, route: Route, request: Request, token: Token | None) -> None:
        """Raise ApiError where the token of a request does not suffice.

        Where a token is not required, an unknown one counts as none (Doorkeeper finds nothing); a revoked one is
        refused.
        """
        if not route.scopes:
            return
        if token is None and not (route.required or self.always_token):
            return
        if token is None or token.revoked:
            raise self.bad_token(route, request, token)
        if not self.allows(token, route):
            raise self.missing_scope(route)

    def allows(self, token: Token, route: Route) -> bool:
        """Whether the scopes of a token suffice."""
        return token.allows(*route.scopes)

    def bad_token(self, route: Route, request: Request, token: Token | None) -> ApiError:
        """The refusal of a token that is missing, unknown (`token` is None) or revoked."""
        if token is not None:
            return ApiError(401, "The access token was revoked")
        return ApiError(
            401, "The access token is invalid" if request.token else "This method requires an authenticated user"
        )

    def missing_scope(self, route: Route) -> ApiError:
        """The refusal of a token whose scopes do not suffice."""
        return ApiError(403, "This action is outside the authorized scopes")

    # How things look

    def status_id(self, status: Status) -> str:
        """The id that clients see at the moment."""
        return self.permanent_id(status)

    def permanent_id(self, status: Status) -> str:
        """The id in addresses, which never changes."""
        return self.ids.encode("status", status.id)

    def media_id(self, db: sqlite3.Connection, base_url: str, media: Media) -> str:
        """The id of an attachment."""
        return self.ids.encode("media", media.id)

    def shape_status(self, status: Status, entity: Json) -> Json:
        """A status object, from Mastodon's."""
        return entity

    def shape_media(self, media: Media, entity: Json) -> Json:
        """An attachment object, from Mastodon's."""
        return entity

    def mentions_addressee(self, status: Status) -> bool:
        """Whether a reply mentions whom it answers also where its text does not."""
        return False

    def shape_source(self, status: Status, entity: Json) -> Json:
        """The source of a status, from Mastodon's."""
        return entity

    # What writing does

    def edit(self, call: Call, before: Status) -> Status:
        """Carry out `PUT /api/v1/statuses/:id` and return what became of the status. Raises ApiError."""
        return editing.update(call.db, before, call.params)

    def alt_text(self, db: sqlite3.Connection, text: str | None) -> str | None:
        """An alt text that was sent for an upload, as this software keeps it. Raises ApiError for one too long."""
        editing.check_description(text)
        return text

    def changed_elsewhere(self, db: sqlite3.Connection, status: Status) -> None:
        """Called after a status was changed by its author in another way than through this API."""

    def alt_limit(self, db: sqlite3.Connection) -> int:
        """The longest alt text in code points, where this software lets its operator choose."""
        return int(store.setting(db, "alt_limit") or DESCRIPTION_LIMIT)

    def alt_minimum(self, db: sqlite3.Connection) -> int:
        """The shortest alt text in code points, where this software knows such a thing."""
        return int(store.setting(db, "alt_minimum") or 0)


def media_answer(call: Call, media: Media) -> Response:
    """An attachment object."""
    return json_response(call.entities.media(media))


def keep_media(call: Call, media: Media) -> None:
    """Write a picture that was changed by itself, and note it if a status shows it."""
    store.update_media(call.db, media)
    if media.status_id is not None:
        store.add_media_write(call.db, media)


def web_page(status: int, title: str) -> Refusal:
    """A refusal as a web page, from software or proxies that do not say it in JSON."""
    page = f"<!DOCTYPE html><html lang=en><title>{title}</title><h1>{title}</h1>"
    return Refusal(Response(status, page.encode(), {"Content-Type": "text/html; charset=utf-8"}))


def author_language(call: Call, status: Status) -> str:
    """The language that the author of a status usually writes in."""
    account: Account = store.author(call.db, status)
    return account.language
