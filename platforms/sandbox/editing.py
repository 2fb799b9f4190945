"""Publishing and editing a status with Mastodon's rules, its data-loss traps included.

The model is Mastodon's `UpdateStatusService` and `StatusesController#update`, which hand every parameter on, present or
not: a parameter that the client left out arrives as nil and wipes what it stands for.
"""

import re
import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from platforms.sandbox import content, store
from platforms.sandbox.entities import DESCRIPTION_LIMIT, MAX_CHARACTERS, MAX_MEDIA, QUOTE_POLICIES
from platforms.sandbox.store import Media, Poll, Status
from platforms.sandbox.wire import ApiError, to_i, truthy

Params = Mapping[str, Any]
LANGUAGE = re.compile(r"[a-z]{2,3}([_-][A-Za-z]{2,4})?")
POLL_SECONDS = range(300, 2_629_747)


def create(db: sqlite3.Connection, author: store.Account, params: Params) -> Status:
    """Publish a status. Raises ApiError 422 for what Mastodon refuses, 404 for an unknown status replied to."""
    text, spoiler_text = string(params, "status"), string(params, "spoiler_text")
    chosen = chosen_media(db, author.id, None, params)
    poll = poll_sent(params, None)
    status = Status(
        id=0,
        account_id=author.id,
        text=text if text.strip() else spoiler_text,
        spoiler_text=spoiler_text if text.strip() else "",
        sensitive=_sensitive(params, spoiler_text),
        language=language_sent(params, author.language),
        visibility=string(params, "visibility") or "public",
        in_reply_to_id=to_i(params["in_reply_to_id"]) if params.get("in_reply_to_id") else None,
        media_ids=tuple(one.id for one in chosen),
        quote_policy=_quote_policy(params, "public"),
        content_type=string(params, "content_type") or "text/plain",  # unknown to Mastodon, which never shows it
        created_at=store.now(),
    )
    if status.visibility not in ("public", "unlisted", "private", "direct"):
        raise ApiError(422, f"'{status.visibility}' is not a valid visibility")
    if status.in_reply_to_id and store.status(db, status.in_reply_to_id) is None:
        raise ApiError(404, "The post you are trying to reply to does not appear to exist.")
    _validate(status)
    return store.add_status(db, status, poll)


def update(db: sqlite3.Connection, before: Status, params: Params) -> Status:
    """Edit a status as `PUT /api/v1/statuses/:id` does.

    What is left out is lost: no `media_ids` removes the pictures, no `spoiler_text` the content warning, no `poll` the
    poll, no `status` the text (which becomes the content warning that was sent, or empty); `sensitive` becomes false,
    or true with a content warning. Only `language` and `quote_approval_policy` are kept. When nothing differs, nothing
    is written: no entry in the history, `edited_at` as it was. Raises ApiError 422 for what Mastodon refuses.
    """
    chosen = chosen_media(db, before.account_id, before.id, params)
    described = described_media(chosen, params)
    found = store.poll(db, before.id)
    poll_before = found[1] if found else None
    poll = poll_sent(params, poll_before)
    text, spoiler_text = string(params, "status"), string(params, "spoiler_text")
    if not text.strip():
        text, spoiler_text = spoiler_text, ""
    after = replace(
        before,
        text=text,
        spoiler_text=spoiler_text,
        sensitive=_sensitive(params, spoiler_text),
        language=language_sent(params, before.language),
        media_ids=tuple(one.id for one in chosen),
        quote_policy=_quote_policy(params, before.quote_policy),
    )
    if after == before and described == chosen and poll == poll_before:
        return before
    _validate(after)
    return write(db, before, after, described, poll)


def change_text(db: sqlite3.Connection, before: Status, text: str) -> Status:
    """Edit only the text and lose nothing: what the author does in another client, meanwhile."""
    found = store.poll(db, before.id)
    return write(db, before, replace(before, text=text), [], found[1] if found else None)


def write(db: sqlite3.Connection, before: Status, after: Status, media: list[Media], poll: Poll | None) -> Status:
    """Write one edit; the first edit also puts the original into the history."""
    moment = store.now()
    after = replace(after, edited_at=moment)
    if not store.edits(db, before.id):
        store.add_edit(db, before, before.created_at)
    for one in media:
        store.update_media(db, replace(one, status_id=before.id))
    if poll:
        store.set_poll(db, before.id, poll)
    else:
        store.delete_poll(db, before.id)
    store.update_status(db, after)
    store.add_edit(db, after, moment)
    return after


def check_description(description: str | None) -> None:
    """Raise ApiError 422 when an alt text is longer than the instance allows (code points)."""
    if description is not None and len(description) > DESCRIPTION_LIMIT:
        limit = f"Description is too long (maximum is {DESCRIPTION_LIMIT} characters)"
        raise ApiError(422, f"Validation failed: {limit}")


def parse_focus(value: str) -> str:
    """A focal point "x,y" in canonical form, so that the same point always reads the same."""
    numbers = re.findall(r"-?\d+(?:\.\d+)?", value)
    x, y = (float(one) for one in (*numbers, "0", "0")[:2])
    return f"{x},{y}"


def string(params: Params, name: str) -> str:
    """A parameter that is a text; anything else counts as empty."""
    value = params.get(name)
    return value if isinstance(value, str) else ""


def chosen_media(db: sqlite3.Connection, account_id: int, status_id: int | None, params: Params) -> list[Media]:
    """The pictures that the status shall show. Ids that are unknown, or on another status, are dropped silently."""
    ids = params.get("media_ids")
    if not isinstance(ids, list):
        return []
    if len(ids) > MAX_MEDIA:
        raise ApiError(422, f"Cannot attach more than {MAX_MEDIA} files")
    wanted = list(dict.fromkeys(to_i(one) for one in ids if isinstance(one, str | int)))
    return [
        one for one in store.media(db, wanted) if one.account_id == account_id and one.status_id in (None, status_id)
    ]


def described_media(chosen: list[Media], params: Params) -> list[Media]:
    """The chosen pictures with `media_attributes` applied; attributes of other pictures are skipped silently."""
    attributes = params.get("media_attributes")
    described = {one.id: one for one in chosen}
    for given in attributes if isinstance(attributes, list) else []:
        if not isinstance(given, dict) or to_i(given.get("id")) not in described:
            continue
        one = described[to_i(given.get("id"))]
        if "description" in given:
            description = given["description"]
            check_description(description if isinstance(description, str) else None)
            one = replace(one, description=description if isinstance(description, str) else None)
        if isinstance(given.get("focus"), str) and given["focus"]:
            one = replace(one, focus=parse_focus(given["focus"]))
        described[one.id] = one
    return list(described.values())


def _sensitive(params: Params, spoiler_text: str) -> bool:
    """Ruby's `sensitive || spoiler_text.present?`, where the text "false" is something."""
    given = params.get("sensitive")
    if given is None or given is False:
        return bool(spoiler_text.strip())
    return truthy(given)


def language_sent(params: Params, fallback: str | None) -> str | None:
    """The language that was sent, if it is one."""
    given = string(params, "language")
    return given if LANGUAGE.fullmatch(given) else fallback


def _quote_policy(params: Params, fallback: str | None) -> str | None:
    given = string(params, "quote_approval_policy")
    if given and given not in QUOTE_POLICIES:
        raise ApiError(422, f"Invalid quote approval policy: {given}")
    return given or fallback


def poll_sent(params: Params, before: Poll | None) -> Poll | None:
    """The poll that was sent. Other options or another `multiple` set the votes back; `expires_in` is always needed."""
    given = params.get("poll")
    if not isinstance(given, dict) or not given:
        return None
    options = tuple(str(one) for one in given.get("options") or ())
    if not 2 <= len(options) <= 4:
        raise ApiError(422, "Validation failed: Options must have between two and four items")
    seconds = to_i(given.get("expires_in"))
    if seconds not in POLL_SECONDS:
        raise ApiError(422, "Validation failed: The duration of the poll is too short, too long, or missing")
    multiple = truthy(given.get("multiple"))
    same = before is not None and before.options == options and before.multiple == multiple
    votes = before.votes if before and same else (0,) * len(options)
    return Poll(options, votes, multiple, truthy(given.get("hide_totals")), store.expiry(seconds))


def _validate(status: Status) -> None:
    if not status.text.strip() and not status.media_ids:
        raise ApiError(422, "Validation failed: Text can't be blank")
    if content.length(status.text, status.spoiler_text) > MAX_CHARACTERS:
        raise ApiError(422, f"Validation failed: Text character limit of {MAX_CHARACTERS} exceeded")
