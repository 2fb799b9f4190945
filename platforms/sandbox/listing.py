"""Posts of an account, page by page, with Mastodon's rules; families differ in which posts and in how they page."""

from collections.abc import Sequence
from urllib.parse import urlencode

from platforms.sandbox import store
from platforms.sandbox.routing import Call
from platforms.sandbox.store import Account, Status
from platforms.sandbox.wire import Response, json_response, to_i

PAGE_SIZE, PAGE_LIMIT = 20, 40


def account_statuses(call: Call, pk: str) -> Response:
    """Posts of an account, newest first. The owner sees private and direct ones too."""
    found = call.account(pk)
    limit = page_length(call)
    statuses = page_of_statuses(call, found, limit)
    headers = {"Link": links(call, found, statuses, limit)} if statuses else {}
    return json_response([call.entities.status(one) for one in statuses], headers=headers)


def page_length(call: Call) -> int:
    """How many posts the client asks for, at most PAGE_LIMIT."""
    given = call.request.number("limit")
    return min(PAGE_SIZE if given is None else abs(given), PAGE_LIMIT)


def bound(call: Call, name: str) -> int | None:
    """A status id among the parameters, as the store has it; None when it is absent."""
    given = call.request.text(name)
    if not given:
        return None
    known = call.family.ids.decode("status", given)
    return to_i(given) if known is None else known


def page_of_statuses(call: Call, author: Account, limit: int) -> list[Status]:
    """One page. `min_id` pages forward from that id (and wins over `since_id`); the others give the newest first."""
    conditions, values = filters(call, author)
    max_id, min_id, since_id = (bound(call, name) for name in ("max_id", "min_id", "since_id"))
    lower = since_id if min_id is None else min_id
    for given, sign in ((max_id, "<"), (lower, ">")):
        if given is not None:
            conditions.append(f"id {sign} ?")
            values.append(given)
    return select(call, conditions, values, limit, oldest_first=min_id is not None)


def filters(call: Call, author: Account) -> tuple[list[str], list[int]]:
    """Conditions in SQL, and their values, for what the client asks to see and may see."""
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
    return conditions, values


def select(
    call: Call, conditions: Sequence[str], values: Sequence[int], limit: int, *, oldest_first: bool = False
) -> list[Status]:
    """So many posts for which all of `conditions` hold, newest first; `oldest_first` takes them from the other end."""
    order = "ASC" if oldest_first else "DESC"
    rows = call.db.execute(
        f"SELECT * FROM statuses WHERE {' AND '.join(conditions)} ORDER BY id {order} LIMIT ?",  # noqa: S608
        [*values, limit],
    )
    return sorted((store.status_from(row) for row in rows), key=lambda one: -one.id)


def links(call: Call, author: Account, statuses: Sequence[Status], limit: int) -> str:
    """The Link header of a page that is not empty."""
    kept = {
        name: call.request.params[name]
        for name in ("limit", "only_media", "exclude_replies", "exclude_reblogs")
        if isinstance(call.request.params.get(name), str)
    }
    family = call.family
    url = f"{call.request.base_url}/api/v1/accounts/{family.ids.encode('account', author.id)}/statuses"
    newer = urlencode({**kept, "min_id": family.status_id(statuses[0])})
    older = urlencode({**kept, "max_id": family.status_id(statuses[-1])})
    found = [f'<{url}?{older}>; rel="next"'] if len(statuses) == limit else []
    return ", ".join([*found, f'<{url}?{newer}>; rel="prev"'])
