"""Mastodon, 4.4 unless another version is asked for."""

import sqlite3

from platforms.sandbox import editing
from platforms.sandbox.families.base import Family, Json
from platforms.sandbox.oauth.habits import MASTODON_42, OAuthHabits
from platforms.sandbox.routing import Call
from platforms.sandbox.store import Status

EDITING_ROUTES = frozenset(
    {
        ("PUT", "/api/v1/statuses/:id"),
        ("GET", "/api/v1/statuses/:id/source"),
        ("GET", "/api/v1/statuses/:id/history"),
    }
)


class Mastodon(Family):
    """What the shared endpoints do, less what older versions did not have."""

    name = "mastodon"
    default_version = "4.4.0"

    @property
    def habits(self) -> OAuthHabits:
        """OAuth learned PKCE and metadata with 4.3."""
        return MASTODON_42 if self.release < (4, 3) else super().habits

    @property
    def missing(self) -> frozenset[tuple[str, str]]:
        """Editing came with 3.5, the second instance object with 4.0."""
        no_v2 = frozenset({("GET", "/api/v2/instance")}) if self.release < (4, 0) else frozenset()
        return no_v2 | EDITING_ROUTES if self.release < (3, 5) else no_v2

    def shape_instance(self, db: sqlite3.Connection, instance: Json) -> Json:
        """`api_versions` came with 4.3, `description_limit` with 4.4."""
        if self.release < (4, 4):
            del instance["configuration"]["media_attachments"]["description_limit"]
        if self.release < (4, 3):
            del instance["api_versions"]
        return instance

    def shape_instance_v1(self, db: sqlite3.Connection, instance: Json) -> Json:
        """As `shape_instance`; there are no `api_versions` here in any version."""
        if self.release < (4, 4):
            del instance["configuration"]["media_attachments"]["description_limit"]
        return instance

    def shape_status(self, status: Status, entity: Json) -> Json:
        """Nothing about quotes before 4.4."""
        if self.release < (4, 4):
            entity.pop("quote_approval", None)
        return entity

    def edit(self, call: Call, before: Status) -> Status:
        """Before 4.1, `media_attributes` are dropped silently (mastodon pull request 20878)."""
        params = call.params
        if self.release < (4, 1):
            params.pop("media_attributes", None)
        return editing.update(call.db, before, params)
