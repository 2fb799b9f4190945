"""Posts and images for the tests of this app."""

from datetime import datetime, timedelta
from itertools import count
from typing import Any

from django.utils import timezone

from accounts.models import User
from accounts.roles import Role
from captions.models import CaptionVersion, Image, Post
from platforms.models import PlatformConnection, PlatformMember

DRAFT = "A lighthouse on a rock, seen from a boat."
_numbers = count(1)


def make_connection(owner: User, name: str = "Harbour", **fields: Any) -> PlatformConnection:
    """A connection to a server that nobody asks."""
    known = {
        "platform_type": "mastodon",
        "software": "mastodon",
        "software_version": "4.4.0",
        "instance_url": "https://social.example",
        "username": name.lower(),
        "access_token": "a-token",
        "alt_text_limit": 1500,
    }
    return PlatformConnection.objects.create(user=owner, name=name, **known | fields)


def add_member(connection: PlatformConnection, user: User, role: Role = Role.REVIEWER) -> None:
    PlatformMember.objects.create(platform_connection=connection, user=user, role=role)


def make_post(connection: PlatformConnection, **fields: Any) -> Post:
    number = next(_numbers)
    known = {
        "post_id": str(number),
        "author_id": "1",
        "post_url": f"https://social.example/@harbour/{number}",
        "post_content": "Good morning from the harbour.",
        "language": "en",
        "visibility": "public",
    }
    return Post.objects.create(platform_connection=connection, **known | fields)


def make_image(post: Post, *, draft: str | None = DRAFT, **fields: Any) -> Image:
    """An image that awaits review with `draft`; without one, an image that nobody has drafted."""
    number = next(_numbers)
    known = {
        "image_post_id": f"m{number}",
        "image_url": f"https://social.example/media/{number}.jpg",
        "attachment_index": post.images.count(),
        "generated_caption": draft,
        "captioned_at": moment(number) if draft else None,
        "language": "en" if draft else "",
    }
    image = Image.objects.create(post=post, platform_connection=post.platform_connection, **known | fields)
    if draft:
        add_draft(image, draft)
    return image


def add_draft(image: Image, text: str) -> CaptionVersion:
    return CaptionVersion.objects.create(
        image=image, kind=CaptionVersion.Kind.GENERATED, text=text, engine="basic", model="basic-1", language="en"
    )


def moment(number: int) -> datetime:
    """Later for each number, and always in the past."""
    return timezone.now() - timedelta(days=1) + timedelta(milliseconds=number)
