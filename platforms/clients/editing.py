"""What one edit of a post sends: everything, since a server loses, guesses or resets what is left out."""

import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from platforms.clients.base import Attachment, PlatformRefused, Snapshot, Status

Body = dict[str, Any]

# `quote_approval.automatic` of a status (Mastodon 4.5), and what the edit call names it.
QUOTE_POLICIES: Mapping[tuple[str, ...], str] = {("public",): "public", ("followers",): "followers", (): "nobody"}


def edit_of(before: Snapshot, texts: Mapping[str, str]) -> Body:
    """The body of `PUT /api/v1/statuses/:id` that gives attachments (by id) their `texts` and repeats all else.

    Raises PlatformRefused for a quote policy that cannot be repeated.
    """
    status, source = before.status, before.source
    body: Body = {
        "status": source.text,
        "spoiler_text": source.spoiler_text,
        "sensitive": status.sensitive,
        "media_ids": [attachment.id for attachment in status.attachments],
        "media_attributes": [_attributes(attachment, texts) for attachment in status.attachments],
    }
    if status.language is not None:
        body["language"] = status.language
    if source.content_type is not None:
        body["content_type"] = source.content_type
    if status.quote_approval is not None:
        body["quote_approval_policy"] = quote_policy(status)
    return body


def _attributes(attachment: Attachment, texts: Mapping[str, str]) -> Body:
    # An empty text takes the alt text away, as it was before there was one.
    description = (texts[attachment.id] or None) if attachment.id in texts else attachment.description
    attributes: Body = {"id": attachment.id, "description": description}
    if attachment.focus is not None:
        attributes["focus"] = attachment.focus
    return attributes


def quote_policy(status: Status) -> str:
    """The name of the post's quote policy. Raises PlatformRefused where it has none that can be sent."""
    approval = status.quote_approval or {}
    automatic, manual = approval.get("automatic"), approval.get("manual")
    policy = QUOTE_POLICIES.get(tuple(str(one) for one in automatic)) if isinstance(automatic, list) else None
    if policy is None or manual:
        raise PlatformRefused(
            _("Who may quote the post is set in a way that an edit cannot repeat. Add the alt text by hand.")
        )
    return policy


def require_language(status: Status) -> None:
    """Raise PlatformRefused for a post without a language, to which an edit would give the account's usual one."""
    if status.language is None:
        raise PlatformRefused(
            _("The post has no language, and an edit would give it one. Add the alt text by hand, or leave it.")
        )


def require_named_mentions(before: Snapshot) -> None:
    """Raise PlatformRefused for a post that mentions people whom its text does not name.

    Some servers make the mentions anew from the text and drop the others, such as the author of what it answers.
    """
    text = before.source.text
    names = {acct.partition("@")[0] for acct in before.status.mentions}
    if any(not re.search(rf"@{re.escape(name)}(?!\w|[.-]\w)", text, re.IGNORECASE) for name in names):
        raise PlatformRefused(
            _("The post speaks to people whom its text does not name; an edit would drop them. Do it by hand.")
        )


def require_marked_warning(before: Snapshot) -> None:
    """Raise PlatformRefused for a content warning without the sensitive mark, one of which an edit would change."""
    if before.source.spoiler_text and not before.status.sensitive:
        raise PlatformRefused(
            _("The post has a content warning but no sensitive mark; an edit would change that. Do it by hand.")
        )
