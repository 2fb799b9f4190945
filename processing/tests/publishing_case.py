"""What the tests of publishing share: an approved post in a sandbox, and clients with one thing added."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from django.test import TestCase
from django.utils import timezone

from accounts.models import User
from captions.models import Post, Publication
from platforms.clients.base import BeforeEach, PlatformClient, Snapshot, nothing
from platforms.models import PlatformConnection
from platforms.sandbox.testing import SandboxHandle
from platforms.speaking import client_for
from platforms.traffic.shared import Shared
from platforms.traffic.stores import MemoryStore
from processing.publishing import leases
from processing.tests import cast
from vedfolnir.lib import clock

TEXT = "Five  spaces\n\nand a blank line, #Hafen and https://example.org/?a=1&b=2 <3 &amp; @friend"


class PublishingCase(TestCase):
    sandbox: SandboxHandle
    reviewer: User
    connection: PlatformConnection

    def setUp(self) -> None:
        stack = ExitStack()
        self.addCleanup(stack.close)
        self.sandbox = stack.enter_context(cast.open_sandbox())
        self.reviewer = cast.make_user("rita")
        self.connection = cast.connect(self.reviewer, self.sandbox)

    def approved(self, status_id: str, connection: PlatformConnection | None = None) -> tuple[Post, dict[str, str]]:
        post, images = cast.drafted_post(connection or self.connection, self.sandbox, status_id)
        return post, cast.approve_all(images, self.reviewer)

    def writes(self) -> int:
        return len(self.sandbox.requests(method="PUT"))

    def alt_texts(self, status_id: str) -> list[str | None]:
        return [one["description"] for one in self.sandbox.status(status_id)["media_attachments"]]

    def write_by_hand(self, status_id: str, texts: Mapping[str, str]) -> None:
        """Write alt texts past our rows, as the author does in another client."""
        with Closing(client_for(self.connection)) as client:
            client.write_alt_texts(client.snapshot(status_id), texts)

    def lapse(self, publication: Publication) -> None:
        """The worker that held it is gone, and so is its time."""
        long_ago = timezone.now() - 2 * leases.LEASE
        Publication.objects.filter(pk=publication.pk).update(next_attempt_at=long_ago, leased_until=long_ago)


def own_traffic(case: TestCase) -> Callable[[], None]:
    """What this test learns about servers is nobody else's; call what is returned to let pauses and budgets be over."""
    patched = patch("platforms.traffic.doors.everybodys")
    everybodys = patched.start()
    case.addCleanup(patched.stop)

    def forget() -> None:
        everybodys.return_value = Shared(MemoryStore())

    forget()
    return forget


@contextmanager
def passing_time() -> Iterator[Callable[[float], None]]:
    """Time as workers measure it, which passes as ever; call what is given to let so many seconds pass at once."""
    real, ahead = clock.moment, 0.0

    def passes(seconds: float) -> None:
        nonlocal ahead
        ahead += seconds

    with patch("vedfolnir.lib.clock.moment", lambda: real() + ahead):
        yield passes


class Killed(BaseException):
    """Stands in for kill -9: nothing after it runs, and nobody catches it."""


class Wrapper:
    """A real client with one thing added."""

    def __init__(self, client: PlatformClient) -> None:
        self.client = client
        self.capabilities = client.capabilities

    def snapshot(self, status_id: str) -> Snapshot:
        return self.client.snapshot(status_id)

    def write_alt_texts(self, before: Snapshot, texts: Mapping[str, str], *, before_each: BeforeEach = nothing) -> None:
        self.client.write_alt_texts(before, texts, before_each=before_each)

    def close(self) -> None:
        self.client.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)


class DyingAfterTheWrite(Wrapper):
    def write_alt_texts(self, before: Snapshot, texts: Mapping[str, str], *, before_each: BeforeEach = nothing) -> None:
        super().write_alt_texts(before, texts, before_each=before_each)
        raise Killed


class Closing:
    def __init__(self, client: PlatformClient) -> None:
        self.client = client

    def __enter__(self) -> PlatformClient:
        return self.client

    def __exit__(self, *_: object) -> None:
        self.client.close()
