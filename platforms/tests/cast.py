"""What the tests of this app share: clients of a server, connections, statuses as servers send them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from accounts.models import User
from platforms.clients import entities
from platforms.clients.api import Api
from platforms.clients.base import Capabilities, Status
from platforms.clients.mastodon import MastodonClient
from platforms.clients.profile import Way
from platforms.clients.unknown import UnknownClient
from platforms.models import PlatformConnection
from platforms.sandbox.testing import SandboxHandle

Json = dict[str, Any]
WRITING = Capabilities(can_write=True, way=Way.EDIT, federates=True, notifies=True)
READING = Capabilities(can_write=False, reason="This server runs something else.")


def host_of(url: str) -> str:
    return urlsplit(url).netloc


@contextmanager
def mastodon(url: str, token: str = "a-token", capabilities: Capabilities = WRITING) -> Iterator[MastodonClient]:
    """A client that may write, for a server on loopback."""
    client = MastodonClient(Api(url, token=token, allow=[host_of(url)]), capabilities)
    yield client
    client.close()


@contextmanager
def unknown(url: str, token: str = "a-token") -> Iterator[UnknownClient]:
    client = UnknownClient(Api(url, token=token, allow=[host_of(url)]), READING)
    yield client
    client.close()


def make_connection(owner: User, sandbox: SandboxHandle | None = None, **fields: Any) -> PlatformConnection:
    """A connection to demo's account on `sandbox`, or to a server that nobody asks."""
    known = {
        "user": owner,
        "name": "Kepler",
        "platform_type": "mastodon",
        "instance_url": sandbox.url if sandbox else "https://social.example",
        "username": "demo",
        "account_id": sandbox.account_id if sandbox else "1",
        "access_token": sandbox.token if sandbox else "a-token",
        "software": "mastodon",
        "software_version": "4.4.0",
        "alt_text_limit": 1500,
    }
    return PlatformConnection.objects.create(**known | fields)


def status_json(pk: int | str = 1, **changes: Any) -> Json:
    """A status as Mastodon sends it, with one picture."""
    known: Json = {
        "id": str(pk),
        "uri": f"https://social.example/users/demo/statuses/{pk}",
        "url": f"https://social.example/@demo/{pk}",
        "created_at": "2026-11-20T10:00:00.000Z",
        "edited_at": None,
        "account": {"id": "1", "username": "demo"},
        "visibility": "public",
        "sensitive": False,
        "spoiler_text": "",
        "language": "en",
        "content": "<p>Hello</p>",
        "in_reply_to_id": None,
        "reblog": None,
        "poll": None,
        "tags": [],
        "mentions": [],
        "media_attachments": [attachment_json(f"m{pk}")],
    }
    return known | changes


def attachment_json(pk: str = "m1", **changes: Any) -> Json:
    known: Json = {"id": pk, "type": "image", "url": f"https://files.example/{pk}.png", "description": None, "meta": {}}
    return known | changes


def a_status(**changes: Any) -> Status:
    return entities.status(status_json(**changes))
