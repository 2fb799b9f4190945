"""The reading half of a client, the same for every server that speaks the Mastodon API."""

import logging
import re
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl, quote, urlsplit

from django.utils.translation import gettext as _

from platforms.clients import entities
from platforms.clients.api import Answer, Api, NotFound
from platforms.clients.base import (
    Account,
    Capabilities,
    Instance,
    PastVersion,
    PlatformRefused,
    Snapshot,
    Status,
    StatusGone,
    UnreadableStatus,
)
from platforms.clients.detection import detect

logger = logging.getLogger(__name__)

PAGE = 40  # posts, the most that Mastodon gives at once
MAX_PAGES = 5_000  # against a server that never ends; 200,000 posts
# Statuses that mean "no valid token" when asking who one is: 400 is Takahē, 422 snac 2.75.
NO_ACCOUNT = frozenset({400, 401, 422})
_NEXT = re.compile(r'<([^<>]*)>\s*;[^,<]*\brel="?next\b')


class Reader:
    """Reads one account over `api`. See `PlatformClient` for what each method promises."""

    def __init__(self, api: Api, capabilities: Capabilities) -> None:
        self.capabilities = capabilities
        self._api = api
        self._begun: str | None = None  # the post that an edit was sent for

    def verify(self) -> Account:
        answer = self._api.get("/api/v1/accounts/verify_credentials", scope="read:accounts", bad_token=NO_ACCOUNT)
        return entities.account(answer.data)

    def instance(self) -> Instance:
        return detect(self._api).instance

    def statuses(self, account_id: str, *, max_id: str | None = None) -> Iterator[Status | UnreadableStatus]:
        """Newest first, each once, without boosts.

        Walks by `max_id` = the last id of the page, or by the query of the server's own link to the next page; stops
        at an empty page, a page without a new id, or after `MAX_PAGES`. A short page is not the last one everywhere.
        """
        path = f"/api/v1/accounts/{quote(account_id, safe='')}/statuses"
        base = {"limit": str(PAGE), "exclude_reblogs": "true"}
        params = base | ({"max_id": max_id} if max_id else {})
        seen: set[str] = set()
        for _number in range(MAX_PAGES):
            answer = self._api.get(path, scope="read:statuses", params=params)
            page = _page_of(answer)
            ids = [status.id for status in page if status.id]
            if seen.issuperset(ids):
                return
            for status in page:
                if status.id not in seen and not (isinstance(status, Status) and status.is_reblog):
                    yield status
                if status.id:
                    seen.add(status.id)
            params = base | (_next_query(answer.headers) or {"max_id": ids[-1]})
        logger.warning("Stopped after %s pages of posts: the server goes on without end.", MAX_PAGES)

    def snapshot(self, status_id: str) -> Snapshot:
        """The post, and then its source, so that a text edited between the two is the newer one."""
        path = f"/api/v1/statuses/{quote(status_id, safe='')}"
        finishing = status_id == self._begun
        try:
            status = self._api.get(path, scope="read:statuses", from_reserve=finishing)
            source = self._api.get(f"{path}/source", scope="read:statuses", from_reserve=finishing)
        except NotFound as error:
            raise StatusGone(error.reason) from error
        return Snapshot(entities.status(status.data), entities.source(source.data))

    def history(self, status_id: str) -> list[PastVersion] | None:
        path = f"/api/v1/statuses/{quote(status_id, safe='')}/history"
        try:
            answer = self._api.get(path, scope="read:statuses", from_reserve=status_id == self._begun)
        except NotFound:
            return None
        return entities.history(answer.data)

    def same_text(self, written: str, shown: str | None) -> bool:
        return written == (shown or "")

    def close(self) -> None:
        self._api.close()


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
