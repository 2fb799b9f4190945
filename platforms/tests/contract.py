"""A server of every family for the contract suite: the sandbox like each of them, and a real snac."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from platforms.clients.api import Api
from platforms.clients.base import Snapshot
from platforms.clients.detection import Detected, detect
from platforms.clients.families import family
from platforms.clients.writing import Writer
from platforms.sandbox.testing import SandboxHandle, running_sandbox
from platforms.tests.cast import host_of
from platforms.tests.snac import RealSnac, running_snac

Server = SandboxHandle | RealSnac

SANDBOXES = ("mastodon", "gotosocial", "pixelfed", "takahe", "pleroma", "snac")
OLDER_GOTOSOCIAL = "gotosocial-0.18.3"  # writes by another way
REAL_SNAC = "real-snac-2.96"
SERVERS = (*SANDBOXES, OLDER_GOTOSOCIAL, REAL_SNAC)


@contextmanager
def running(name: str, folder: Path) -> Iterator[Server]:
    """One of SERVERS, without posts. Raises unittest.SkipTest where it is not on this machine."""
    if name == REAL_SNAC:
        with running_snac("2.96", folder) as snac:
            yield snac
        return
    like, _, version = name.partition("-")
    with running_sandbox(folder, with_samples=False, like=like, version=version or None) as sandbox:
        yield sandbox


def found_at(server: Server) -> Detected:
    with Api(server.url, allow=[host_of(server.url)]) as api:
        return detect(api)


@contextmanager
def client_of(server: Server, token: str | None = None) -> Iterator[Writer]:
    """Our client as a connected account gets it: chosen by what the server says of itself."""
    found = found_at(server)
    api = Api(server.url, token=token or server.token, allow=[host_of(server.url)])
    client = family(found.family).client(api, found.capabilities)
    assert isinstance(client, Writer)
    try:
        yield client
    finally:
        client.close()


def ids_of(snapshot: Snapshot) -> list[str]:
    return [attachment.id for attachment in snapshot.status.attachments]


def alt_texts_of(snapshot: Snapshot) -> list[str]:
    return [attachment.description or "" for attachment in snapshot.status.attachments]


def changed_requests(server: Server) -> list[str]:
    """The paths of every request so far that asked for a change through the API, in order."""
    if isinstance(server, RealSnac):
        return [asked.path for asked in server.requests("PUT")]
    return [request.path for request in server.requests("PUT")]
