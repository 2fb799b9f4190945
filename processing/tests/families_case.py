"""A connected account on a sandbox of any server family, and posts that went the whole way to an approval."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from django.test import TestCase, override_settings
from django.utils import timezone

from accounts.models import User
from captions import actions
from captions.ingest import upsert_statuses
from captions.models import CaptionVersion, Image, Post, Publication
from platforms.clients.base import Status
from platforms.models import PlatformConnection
from platforms.sandbox.testing import SandboxHandle, running_sandbox
from platforms.speaking import client_for
from platforms.tests.snac import RealSnac
from processing.publishing import leases
from processing.publishing.steps import Step
from processing.tests import cast
from processing.tests.publishing_case import Closing, Killed, own_traffic

# What a sandbox of each family is, and what its post may look like there: snac and Pleroma know no language but one.
SERVERS: Mapping[str, tuple[str, str | None, dict[str, Any]]] = {
    "mastodon": ("mastodon", None, {"language": "de"}),
    "gotosocial": ("gotosocial", None, {"language": "de"}),
    "gotosocial 0.18": ("gotosocial", "0.18.3", {"language": "de"}),
    "pixelfed": ("pixelfed", None, {}),
    "takahe": ("takahe", None, {}),
    "pleroma": ("pleroma", None, {"language": None}),
    "snac": ("snac", None, {"language": "en"}),
}


class FamilyCase(TestCase):
    sandbox: SandboxHandle
    reviewer: User
    connection: PlatformConnection

    def setUp(self) -> None:
        self.forget_traffic = own_traffic(self)

    def connect(self, server: str, version: str | None = None, **facts: Any) -> None:
        """Begin anew on a sandbox of this kind; `facts` are columns of the connection."""
        like, usual, self.values = SERVERS[server]
        stack = ExitStack()
        self.addCleanup(stack.close)
        folder = stack.enter_context(TemporaryDirectory())
        self.sandbox = stack.enter_context(
            running_sandbox(Path(folder), with_samples=False, like=like, version=version or usual)
        )
        stack.enter_context(override_settings(OUTBOUND_ALLOW=(urlsplit(self.sandbox.url).netloc,)))
        self.sandbox.set_media_writes_per_minute(1000)  # only Pixelfed counts them
        self.connect_to(self.sandbox, like, self.sandbox.family.version, **facts)

    def connect_to(self, server: SandboxHandle | RealSnac, like: str, version: str, **facts: Any) -> None:
        """A connection to the account demo of a server that runs."""
        self.reviewer = User.objects.filter(username="rita").first() or cast.make_user("rita")
        PlatformConnection.objects.all().delete()
        self.connection = PlatformConnection.objects.create(
            user=self.reviewer,
            name="Sandbox",
            platform_type=like,
            instance_url=server.url,
            username="demo",
            account_id=server.account_id,
            access_token=server.token,
            **{"software": like, "software_version": version, **facts},
        )

    def scanned(self, **values: Any) -> tuple[str, Post]:
        """A post of the sandbox and its row, found by reading the account as a scan does; its pictures have drafts."""
        return self.drafted(self.sandbox.add_status(**{**self.values, **values}))

    def drafted(self, status_id: str) -> tuple[str, Post]:
        """The newest post of the account, read as a scan does; its pictures have drafts."""
        post = self.scan()
        for image in post.images.filter(captioned_at=None):
            Image.objects.filter(pk=image.pk).update(generated_caption="A draft.", captioned_at=timezone.now())
            CaptionVersion.objects.create(image=image, kind=CaptionVersion.Kind.GENERATED, text="A draft.")
        return status_id, post

    def scan(self) -> Post:
        """Read the account; the newest post."""
        with Closing(client_for(self.connection)) as client:
            found = [one for one in client.statuses(self.connection.account_id) if isinstance(one, Status)]
        upsert_statuses(self.connection, found)
        return Post.objects.order_by("-pk")[0]

    def approved(self, *, text: Callable[[Image], str] | None = None, **values: Any) -> tuple[str, Publication]:
        status_id, post = self.scanned(**values)
        return status_id, self.approve(post, text)

    def approve(self, post: Post, text: Callable[[Image], str] | None = None) -> Publication:
        for image in post.images.filter(status=Image.Status.PENDING):
            wanted = text(image) if text else f"Picture {image.attachment_index}: a boat."
            actions.approve(image, text=wanted, reviewer=self.reviewer)
        return Publication.objects.select_related("post").order_by("-pk")[0]

    def again(self, publication: Publication) -> None:
        """Its worker is gone, and whatever it waited for is over."""
        long_ago = timezone.now() - 2 * leases.LEASE
        Publication.objects.filter(pk=publication.pk).update(next_attempt_at=long_ago, leased_until=None)
        PlatformConnection.objects.update(paused_until=None)
        self.forget_traffic()

    def alt_texts(self, status_id: str) -> list[str]:
        return [one["description"] or "" for one in self.sandbox.status(status_id)["media_attachments"]]

    def writes(self) -> list[str]:
        return [one.path for one in self.sandbox.requests(method="PUT")]


def at(step: Step, do: Callable[[], Any], *, number: int = 1) -> Callable[[Step], None]:
    """Do something when an attempt reaches a step for the `number`th time."""
    seen = [0]

    def watch(reached: Step) -> None:
        if reached == step:
            seen[0] += 1
            if seen[0] == number:
                do()

    return watch


def die() -> None:
    raise Killed
