"""What an endpoint works with, and how a request finds its endpoint."""

import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platforms.sandbox import store
from platforms.sandbox.entities import Entities
from platforms.sandbox.store import Account, Media, Status
from platforms.sandbox.wire import ApiError, Request, Response

if TYPE_CHECKING:
    from platforms.sandbox.families.base import Family


@dataclass(frozen=True)
class Call:
    """What an endpoint works with. `viewer` is None for a request without a token."""

    db: sqlite3.Connection
    request: Request
    viewer: Account | None
    family: "Family"

    @property
    def entities(self) -> Entities:
        """Builder of JSON objects, seen with the viewer's eyes."""
        return Entities(self.db, self.request.base_url, self.viewer, self.family)

    @property
    def owner(self) -> Account:
        """The viewer, where the endpoint requires one."""
        if self.viewer is None:
            raise ApiError(401, "The access token is invalid")
        return self.viewer

    @property
    def params(self) -> dict[str, Any]:
        """The parameters, ids in them as the store has them; an id that this family never gives out becomes "0"."""
        params = dict(self.request.params)
        if isinstance(params.get("media_ids"), list):
            params["media_ids"] = [self._known("media", one) for one in params["media_ids"]]
        if isinstance(params.get("media_attributes"), list):
            params["media_attributes"] = [
                {**one, "id": self._known("media", one.get("id"))} if isinstance(one, dict) else one
                for one in params["media_attributes"]
            ]
        if params.get("in_reply_to_id"):
            params["in_reply_to_id"] = self._known("status", params["in_reply_to_id"])
        return params

    def _known(self, kind: str, given: Any) -> str:
        return str(self.family.ids.decode(kind, str(given)) or 0)

    def account(self, pk: str) -> Account:
        """An account by the id that clients use, else 404."""
        known = self.family.ids.decode("account", pk)
        found = store.account(self.db, known) if known is not None else None
        if found is None:
            raise ApiError(404, "Record not found")
        return found

    def visible(self, pk: str) -> Status:
        """A status that the viewer may see, else 404."""
        status = self._status(pk)
        if status is None or not self._may_see(status):
            raise ApiError(404, "Record not found")
        return status

    def own(self, pk: str) -> Status:
        """A status of the viewer, else 404."""
        status = self._status(pk)
        if status is None or status.account_id != self.owner.id:
            raise ApiError(404, "Record not found")
        return status

    def own_media(self, pk: str) -> Media:
        """A picture of the viewer, posted or not, else 404."""
        known = self.family.ids.decode("media", pk)
        found = store.media(self.db, [known]) if known is not None else []
        if not found or found[0].account_id != self.owner.id:
            raise ApiError(404, "Record not found")
        return found[0]

    def _status(self, pk: str) -> Status | None:
        known = self.family.ids.decode("status", pk)
        return store.status(self.db, known) if known is not None else None

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
    path: str
    pattern: re.Pattern[str]
    endpoint: Endpoint
    scopes: tuple[str, ...]
    required: bool


def route(method: str, path: str, endpoint: Endpoint, *scopes: str, required: bool = False) -> Route:
    """A route; `:id` in its path stands for one id, `:url` for one that may contain slashes."""
    pattern = path.replace(":id", "([^/]+)").replace(":url", "(.+)")
    return Route(method, path, re.compile(pattern), endpoint, scopes, required)
