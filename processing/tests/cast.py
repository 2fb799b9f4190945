"""A small cast for the tests of processing: people, a connection to a running sandbox, rows of its posts."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from django.test import override_settings
from django.utils import timezone

from accounts.models import User
from accounts.roles import Role
from captions import actions
from captions.models import CaptionVersion, Image, Post, Publication
from platforms.models import Family, PlatformConnection
from platforms.sandbox.testing import SandboxHandle, running_sandbox


@contextmanager
def open_sandbox() -> Iterator[SandboxHandle]:
    """A sandbox without posts, which the product may speak to though it is on loopback."""
    with (
        TemporaryDirectory() as folder,
        running_sandbox(Path(folder), with_samples=False) as sandbox,
        override_settings(OUTBOUND_ALLOW=(urlsplit(sandbox.url).netloc,)),
    ):
        yield sandbox


def make_user(name: str, role: Role = Role.REVIEWER) -> User:
    return User.objects.create_user(name, f"{name}@example.org", "correct horse battery", role=role, is_approved=True)


def connect(user: User, sandbox: SandboxHandle, *, family: str = Family.MASTODON) -> PlatformConnection:
    return PlatformConnection.objects.create(
        user=user,
        name="Sandbox",
        platform_type=family,
        instance_url=sandbox.url,
        username="demo",
        account_id=sandbox.account_id,
        access_token=sandbox.token,
        software="mastodon",
        software_version="4.4.0",
        alt_text_limit=1500,
    )


def drafted_post(connection: PlatformConnection, sandbox: SandboxHandle, status_id: str) -> tuple[Post, list[Image]]:
    """Rows for a post of the sandbox whose pictures without alt text have drafts that await review."""
    remote = sandbox.status(status_id)
    post = Post.objects.create(
        platform_connection=connection,
        post_id=status_id,
        author_id=sandbox.account_id,
        post_url=remote["url"],
        edited_at=remote["edited_at"] or "",
        language=remote["language"] or "",
    )
    images = [
        _drafted(post, index, attachment["id"], attachment["url"])
        for index, attachment in enumerate(remote["media_attachments"])
        if not attachment["description"]
    ]
    return post, images


def _drafted(post: Post, index: int, remote_id: str, url: str) -> Image:
    image = Image.objects.create(
        post=post,
        platform_connection=post.platform_connection,
        image_post_id=remote_id,
        image_url=url,
        attachment_index=index,
        generated_caption="A draft.",
        captioned_at=timezone.now(),
    )
    CaptionVersion.objects.create(image=image, kind=CaptionVersion.Kind.GENERATED, text="A draft.", engine="basic")
    return image


def approve_all(images: list[Image], reviewer: User) -> dict[str, str]:
    """Approve a text of its own for each image; the texts by attachment id."""
    texts = {}
    for image in images:
        texts[image.remote_id] = f"A lighthouse, seen from the {image.attachment_index + 1}. boat."
        actions.approve(image, text=texts[image.remote_id], reviewer=reviewer)
    return texts


def only_publication() -> Publication:
    return Publication.objects.select_related("post", "platform_connection").get()
