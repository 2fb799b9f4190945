"""The JSON objects of the Mastodon API, made from what the store knows."""

import json
import sqlite3
from typing import TYPE_CHECKING, Any

from platforms.sandbox import content, pictures, store
from platforms.sandbox.store import Account, Media, Poll, Status

if TYPE_CHECKING:
    from platforms.sandbox.families.base import Family

API_VERSION = 6  # Mastodon 4.4
DESCRIPTION_LIMIT = 1500
MAX_CHARACTERS = 500
MAX_MEDIA = 4
QUOTE_POLICIES = {"public": ["public"], "followers": ["followers"], "nobody": []}

Json = dict[str, Any]


class Entities:
    """Builds the objects of one answer; `base_url` is how the client reached us, `viewer` whose token it was."""

    def __init__(self, db: sqlite3.Connection, base_url: str, viewer: Account | None, family: "Family") -> None:
        self.db = db
        self.base_url = base_url
        self.viewer = viewer
        self.family = family

    def account(self, account: Account) -> Json:
        """Account."""
        posts = self.db.execute(
            "SELECT count(*), max(created_at) FROM statuses WHERE account_id = ? AND visibility != 'direct'",
            (account.id,),
        ).fetchone()
        avatar = f"{self.base_url}/media/{account.avatar}"
        return {
            "id": self._id("account", account.id),
            "username": account.username,
            "acct": account.username,
            "display_name": account.display_name,
            "locked": False,
            "bot": False,
            "discoverable": True,
            "group": False,
            "created_at": account.created_at,
            "note": self._html(account.note),
            "url": f"{self.base_url}/@{account.username}",
            "uri": f"{self.base_url}/users/{account.username}",
            "avatar": avatar,
            "avatar_static": avatar,
            "header": avatar,
            "header_static": avatar,
            "followers_count": 0,
            "following_count": 0,
            "statuses_count": posts[0],
            "last_status_at": posts[1][:10] if posts[1] else None,
            "emojis": [],
            "fields": [],
        }

    def credential_account(self, account: Account) -> Json:
        """CredentialAccount: an Account and what only its owner sees."""
        source = {
            "privacy": "public",
            "sensitive": False,
            "language": account.language,
            "note": account.note,
            "fields": [],
            "follow_requests_count": 0,
        }
        return {**self.account(account), "source": source}

    def status(self, status: Status) -> Json:
        """Status, with the boosted one inside for a boost."""
        author = store.author(self.db, status)
        boosted = store.status(self.db, status.reblog_of_id) if status.reblog_of_id else None
        reply = store.status(self.db, status.in_reply_to_id) if status.in_reply_to_id else None
        found = store.poll(self.db, status.id)
        permanent_id = self.family.permanent_id(status)
        answer: Json = {
            "id": self.family.status_id(status),
            "created_at": status.created_at,
            "in_reply_to_id": self.family.status_id(reply) if reply else None,
            "in_reply_to_account_id": self._id("account", reply.account_id) if reply else None,
            "sensitive": status.sensitive,
            "spoiler_text": status.spoiler_text,
            "visibility": status.visibility,
            "language": status.language,
            "uri": f"{self.base_url}/users/{author.username}/statuses/{permanent_id}",
            "url": f"{self.base_url}/@{author.username}/{permanent_id}",
            "replies_count": self._count("in_reply_to_id", status.id),
            "reblogs_count": self._count("reblog_of_id", status.id),
            "favourites_count": 0,
            "edited_at": status.edited_at,
            "content": self._html(status.text, links=status.links),
            "reblog": self.status(boosted) if boosted else None,
            "account": self.account(author),
            "media_attachments": [self.media(one) for one in store.media(self.db, status.media_ids)],
            "mentions": self._mentions(status, reply),
            "tags": [{"name": tag, "url": f"{self.base_url}/tags/{tag}"} for tag in content.tags(status.text)],
            "emojis": [],
            "card": None,
            "poll": self.poll(*found) if found else None,
        }
        if status.quote_policy:
            answer["quote_approval"] = {
                "automatic": QUOTE_POLICIES[status.quote_policy],
                "manual": [],
                "current_user": "automatic" if self._may_quote(status) else "denied",
            }
        if self.viewer:
            answer.update(favourited=False, reblogged=False, muted=False, bookmarked=False, filtered=[])
        return self.family.shape_status(status, answer)

    def media(self, media: Media) -> Json:
        """MediaAttachment."""
        meta: Json = {
            "original": _size(media.width, media.height),
            "small": _size(media.preview_width, media.preview_height),
        }
        if media.focus:
            x, y = media.focus.split(",")
            meta["focus"] = {"x": float(x), "y": float(y)}
        entity = {
            "id": self.family.media_id(self.db, self.base_url, media),
            "type": media.kind,
            "url": f"{self.base_url}/media/{media.file}",
            "preview_url": f"{self.base_url}/media/{media.preview}",
            "remote_url": None,
            "preview_remote_url": None,
            "text_url": None,
            "meta": meta,
            "description": media.description,
            "blurhash": None,
        }
        return self.family.shape_media(media, entity)

    def poll(self, pk: int, poll: Poll) -> Json:
        """Poll."""
        expired = poll.expires_at <= store.now()
        hidden = poll.hide_totals and not expired
        answer: Json = {
            "id": self._id("poll", pk),
            "expires_at": poll.expires_at,
            "expired": expired,
            "multiple": poll.multiple,
            "votes_count": sum(poll.votes),
            "voters_count": sum(poll.votes),
            "options": [
                {"title": title, "votes_count": None if hidden else votes}
                for title, votes in zip(poll.options, poll.votes, strict=True)
            ],
            "emojis": [],
        }
        if self.viewer:
            answer.update(voted=False, own_votes=[])
        return answer

    def history(self, status: Status) -> list[Json]:
        """StatusEdit objects, oldest first; a status that was never edited has one."""
        account = self.account(store.author(self.db, status))
        current = self.status(status)
        edits = store.edits(self.db, status.id)
        if not edits:
            keys = ("content", "spoiler_text", "sensitive", "created_at", "media_attachments", "emojis")
            return [{**{key: current[key] for key in keys}, "account": account}]
        return [self._edit(row, account) for row in edits]

    def _edit(self, row: sqlite3.Row, account: Json) -> Json:
        shown = json.loads(row["media"])
        now = {one.id: one for one in store.media(self.db, [one["id"] for one in shown])}
        attachments = [
            {**self.media(now[one["id"]]), "description": one["description"]} for one in shown if one["id"] in now
        ]
        answer: Json = {
            "content": self._html(row["text"]),
            "spoiler_text": row["spoiler_text"],
            "sensitive": bool(row["sensitive"]),
            "created_at": row["created_at"],
            "account": account,
            "media_attachments": attachments,
            "emojis": [],
        }
        options = json.loads(row["poll_options"])
        if options:
            answer["poll"] = {"options": [{"title": title} for title in options]}
        return answer

    def _id(self, kind: str, pk: int) -> str:
        return self.family.ids.encode(kind, pk)

    def _html(self, text: str, *, links: bool = True) -> str:
        if not links:
            return content.to_plain_html(text)
        return content.to_html(text, self.base_url, lambda name: store.account_named(self.db, name) is not None)

    def _mentions(self, status: Status, reply: Status | None) -> list[Json]:
        names = content.mentions(status.text)
        if reply and reply.account_id != status.account_id and self.family.mentions_addressee(status):
            names = list(dict.fromkeys([store.author(self.db, reply).username, *names]))
        found = [store.account_named(self.db, name) for name in names]
        return [
            {
                "id": self._id("account", one.id),
                "username": one.username,
                "acct": one.username,
                "url": f"{self.base_url}/@{one.username}",
            }
            for one in found
            if one
        ]

    def _count(self, column: str, pk: int) -> int:
        row = self.db.execute(f"SELECT count(*) FROM statuses WHERE {column} = ?", (pk,)).fetchone()  # noqa: S608
        return int(row[0])

    def _may_quote(self, status: Status) -> bool:
        return status.quote_policy == "public" or (self.viewer is not None and self.viewer.id == status.account_id)


def _size(width: int, height: int) -> Json:
    return {"width": width, "height": height, "size": f"{width}x{height}", "aspect": width / height}


def instance(db: sqlite3.Connection, base_url: str, family: "Family") -> Json:
    """What `/api/v2/instance` says."""
    return family.shape_instance(db, _instance(base_url, family))


def _instance(base_url: str, family: "Family") -> Json:
    media = {
        "description_limit": DESCRIPTION_LIMIT,
        "image_matrix_limit": pictures.MATRIX_LIMIT,
        "image_size_limit": pictures.SIZE_LIMIT,
        "supported_mime_types": sorted({content_type for content_type, _ in pictures.TYPES.values()}),
    }
    return {
        "domain": base_url.partition("://")[2],
        "title": "Vedfolnir sandbox",
        "version": family.api_version,
        "description": "A practice instance: nothing that happens here reaches anybody else.",
        "usage": {"users": {"active_month": 1}},
        "languages": ["en"],
        "configuration": {
            "urls": {},
            "statuses": {
                "max_characters": MAX_CHARACTERS,
                "max_media_attachments": MAX_MEDIA,
                "characters_reserved_per_url": content.CHARACTERS_PER_LINK,
            },
            "media_attachments": media,
            "polls": {
                "max_options": 4,
                "max_characters_per_option": 50,
                "min_expiration": 300,
                "max_expiration": 2_629_746,
            },
            "translation": {"enabled": False},
        },
        "registrations": {"enabled": False, "approval_required": False, "message": None},
        "api_versions": {"mastodon": API_VERSION},
        "rules": [],
    }


def instance_v1(db: sqlite3.Connection, base_url: str, family: "Family") -> Json:
    """What the older `/api/v1/instance` says. It has no `api_versions`, as in Mastodon."""
    new = _instance(base_url, family)
    users, statuses = db.execute("SELECT (SELECT count(*) FROM accounts), (SELECT count(*) FROM statuses)").fetchone()
    old = {
        "uri": new["domain"],
        "title": new["title"],
        "short_description": new["description"],
        "description": new["description"],
        "version": new["version"],
        "urls": {},
        "stats": {"user_count": users, "status_count": statuses, "domain_count": 1},
        "languages": new["languages"],
        "registrations": False,
        "approval_required": False,
        "invites_enabled": False,
        "configuration": {**new["configuration"], "accounts": {"max_featured_tags": 10}},
        "rules": [],
    }
    return family.shape_instance_v1(db, old)
