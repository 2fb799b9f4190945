"""The reading half of a client, the same for every server that speaks the Mastodon API."""

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import parse_qsl, quote, urlsplit

from django.utils.translation import gettext as _

from platforms.clients import entities
from platforms.clients.api import UNAUTHORIZED, Answer, Api, NotFound
from platforms.clients.base import (
    Account,
    Capabilities,
    PastVersion,
    PlatformRefused,
    Snapshot,
    Status,
    StatusGone,
    StatusSource,
    UnreadableStatus,
)
from platforms.clients.profile import Profile

logger = logging.getLogger(__name__)

MAX_PAGES = 5_000  # against a server that never ends; 200,000 posts
# Statuses that mean "no valid token" when asking who one is, wherever: 400 is Takahē, 422 snac.
NO_ACCOUNT = frozenset({400, 401, 422})
_NEXT = re.compile(r'<([^<>]*)>\s*;[^,<]*\brel="?next\b')


class Reader:
    """Reads one account over `api`. See `PlatformClient` for what each method promises."""

    profile: ClassVar[Profile]

    def __init__(self, api: Api, capabilities: Capabilities) -> None:
        self.capabilities = capabilities
        self._api = api
        self._begun: set[str] = set()  # ids of the posts that something was sent for
        self._asked_as: dict[str, str] = {}  # id of a post -> the older one that it was asked for with

    def verify(self) -> Account:
        bad_token = self.profile.bad_token | NO_ACCOUNT
        answer = self._api.get("/api/v1/accounts/verify_credentials", scope="read:accounts", bad_token=bad_token)
        return entities.account(answer.data)

    def statuses(self, account_id: str, *, max_id: str | None = None) -> Iterator[Status | UnreadableStatus]:
        """Newest first, each once, without boosts.

        Walks by `max_id` = the lowest id of the page, or where the family has links to the next page by theirs; stops
        at an empty page, a page without a new id, or after `MAX_PAGES`. A short page is not the last one everywhere,
        and `only_media` is never asked for: some do not know it, Takahē then repeats a post for each picture.
        """
        path = f"/api/v1/accounts/{quote(account_id, safe='')}/statuses"
        base = {"limit": str(self.profile.paging.size), "exclude_reblogs": "true"}
        params = base | ({"max_id": max_id} if max_id else {})
        seen: set[str] = set()
        for _number in range(MAX_PAGES):
            answer = self._ask("GET", path, scope="read:statuses", params=params)
            page = [self._in_order(one) if isinstance(one, Status) else one for one in _page_of(answer)]
            ids = [status.id for status in page if status.id]
            if seen.issuperset(ids):
                return
            yield from _new_of(page, seen)
            seen.update(ids)
            linked = _next_query(answer.headers) if self.profile.paging.links else None
            params = base | (linked or {"max_id": _lowest(ids)})
        logger.warning("Stopped after %s pages of posts: the server goes on without end.", MAX_PAGES)

    def snapshot(self, status_id: str) -> Snapshot:
        """The post, and then its source, so that a text edited between the two is the newer one."""
        path = _status_path(status_id)
        finishing = status_id in self._begun
        try:
            answer = self._ask("GET", path, scope="read:statuses", from_reserve=finishing)
            status = self._in_order(entities.status(answer.data))
            source = self._source(status, path, from_reserve=finishing)
        except NotFound as error:
            raise StatusGone(error.reason) from error
        self._asked_as[status.id] = status_id
        return Snapshot(status, source)

    def _in_order(self, status: Status) -> Status:
        """The post with its pictures in an order that stays."""
        if self.profile.keeps_order:
            return status
        return replace(status, attachments=tuple(sorted(status.attachments, key=lambda one: (len(one.id), one.id))))

    def _source(self, status: Status, path: str, *, from_reserve: bool) -> StatusSource:
        answer = self._ask("GET", f"{path}/source", scope="read:statuses", from_reserve=from_reserve)
        return entities.source(answer.data)

    def history(self, status_id: str) -> list[PastVersion] | None:
        if not self.profile.has_history:
            return None
        path = f"{_status_path(status_id)}/history"
        finishing = status_id in self._begun
        try:
            # The post itself was read with this token: 403 is about its history, also where it usually means the token.
            answer = self._ask("GET", path, scope="read:statuses", from_reserve=finishing, bad_token=UNAUTHORIZED)
        except NotFound:
            return None
        return entities.history(answer.data)

    def same_text(self, written: str, shown: str | None) -> bool:
        return (shown or "") in (written, written.strip())

    def close(self) -> None:
        self._api.close()

    def _ask(self, method: str, path: str, **options: Any) -> Answer:
        """A request whose failures are read as this family means them."""
        habits: dict[str, Any] = {
            "bad_token": self.profile.bad_token,
            "bad_token_pages": self.profile.bad_token_pages,
            "gone_page": self.profile.gone_page,
        }
        return self._api.request(method, path, **(habits | options))

    def _begin(self, status_id: str) -> None:
        """From now on requests about this post finish what was begun."""
        self._begun |= {status_id, self._asked_as.get(status_id, status_id)}


def _status_path(status_id: str) -> str:
    return f"/api/v1/statuses/{quote(status_id, safe='')}"


def _new_of(page: list[Status | UnreadableStatus], seen: set[str]) -> Iterator[Status | UnreadableStatus]:
    """What of a page is neither a boost nor in `seen`; the page may repeat a post."""
    here: set[str] = set()
    for status in page:
        if status.id not in seen | here and not (isinstance(status, Status) and status.is_reblog):
            yield status
        if status.id:
            here.add(status.id)


def _lowest(ids: list[str]) -> str:
    """The id below which the next page begins: the smallest number, or the last one where ids are no numbers."""
    return min(ids, key=int) if all(one.isascii() and one.isdecimal() for one in ids) else ids[-1]


def _page_of(answer: Answer) -> list[Status | UnreadableStatus]:
    """The posts of a page. Raises PlatformRefused for anything but a list in which something has an id."""
    page = [entities.status_or_why_not(item) for item in answer.data] if isinstance(answer.data, list) else None
    if page is None or (page and not any(status.id for status in page)):
        raise PlatformRefused(_("The server's answer to a request for posts is not a list of posts."))
    return page


def _next_query(headers: Mapping[str, str]) -> dict[str, str] | None:
    """The query of `Link: <…>; rel="next"`. Its host and path are not used: the token stays where it belongs."""
    found = _NEXT.search(headers.get("Link", ""))
    if found is None:
        return None
    try:
        query = urlsplit(found.group(1)).query
    except ValueError:
        return None
    return dict(parse_qsl(query)) or None
