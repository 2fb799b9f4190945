"""One row of everything, and people in every relation to it: for tests that walk over all pages."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts import audit
from accounts.models import Setting, SystemRequest, User, UserSession
from accounts.roles import Role
from accounts.tests.people import make_user
from captions.models import CaptionVersion, GlossaryEntry, Image, Post, PromptTemplate, Publication, StyleGuide
from platforms.models import Family, PlatformApp, PlatformConnection, PlatformMember
from processing.models import (
    CaptionGenerationTask,
    CaptionGenerationUserSettings,
    EngineAttempt,
    KeptAnswer,
    ProcessingRun,
)

OUR_APPS = ("accounts", "platforms", "captions", "processing")
CHANGED_BY_LOOKING = (UserSession,)


@dataclass(frozen=True)
class Cast:
    """`people` by their relation to `connection`; `owner` is a reviewer.

    `reader` and `colleague` are members, and so are `unapproved` and `switched_off`, whom it helps nothing.
    """

    people: dict[str, User]
    connection: PlatformConnection
    image: Image
    task: CaptionGenerationTask
    publication: Publication
    membership: PlatformMember
    entry: GlossaryEntry

    def sees(self, who: str) -> bool:
        return who in {"owner", "reader", "colleague", "moderator", "admin"}

    def manages(self, who: str) -> bool:
        return who in {"owner", "moderator", "admin"}

    def shares(self, who: str) -> bool:
        return who in {"owner", "admin"}

    def decides(self, who: str) -> bool:
        return who in {"owner", "colleague", "moderator", "admin"}

    def owns(self, who: str) -> bool:
        return who == "owner"


def make_cast() -> Cast:
    people = make_people()
    cast = make_rows(people, people["owner"], people["reader"])
    for who in ("colleague", "unapproved", "switched_off"):
        PlatformMember.objects.create(platform_connection=cast.connection, user=people[who], role=Role.REVIEWER)
    return cast


def make_people() -> dict[str, User]:
    return {
        "owner": make_user("owner", role=Role.REVIEWER),
        "reader": make_user("reader", role=Role.VIEWER),
        "colleague": make_user("colleague", role=Role.REVIEWER),
        "viewer": make_user("viewer", role=Role.VIEWER),
        "reviewer": make_user("reviewer", role=Role.REVIEWER),
        "moderator": make_user("moderator", role=Role.MODERATOR),
        "admin": make_user("admin", role=Role.ADMIN),
        "unapproved": make_user("unapproved", role=Role.ADMIN, is_approved=False),
        "switched_off": make_user("switched_off", role=Role.ADMIN, is_active=False),
    }


def make_rows(people: dict[str, User], owner: User, member: User) -> Cast:
    """A row of everything that belongs to one connection of `owner`, with one member who may only look."""
    connection = PlatformConnection.objects.create(
        user=owner,
        name="Ours",
        platform_type=Family.MASTODON,
        instance_url="https://social.example",
        username=owner.username,
        account_id="1",
        access_token="secret-token",
        is_default=True,
    )
    PlatformApp.objects.create(
        instance_url="https://social.example",
        redirect_uri=f"https://here.example/{owner.pk}",
        client_id="c",
        client_secret="s",
    )
    membership = PlatformMember.objects.create(platform_connection=connection, user=member, role=Role.VIEWER)
    task = CaptionGenerationTask.objects.create(user=owner, platform_connection=connection)
    ProcessingRun.objects.create(user_id=str(owner.pk), platform_connection=connection, batch_id=task.pk)
    CaptionGenerationUserSettings.objects.create(user=owner, platform_connection=connection)
    post = Post.objects.create(
        post_id="1", author_id="1", post_url="https://social.example/@owner/1", platform_connection=connection
    )
    image = _make_image(post)
    EngineAttempt.objects.create(image=image, task_id=task.pk, engine="basic", model="basic", outcome="answered")
    KeptAnswer.objects.create(image=image, request_key="a" * 64, answer={"text": "A lighthouse."})
    publication = Publication.objects.create(post=post, platform_connection=connection)
    StyleGuide.objects.create(platform_connection=connection, tone="plain")
    entry = GlossaryEntry.objects.create(platform_connection=connection, term="Rex")
    PromptTemplate.objects.get_or_create(name="house", defaults={"text": "Describe it in {language}."})
    Setting.objects.get_or_create(key="a", value="b")
    SystemRequest.objects.create(user=owner)
    UserSession.objects.create(session_id=f"{owner.pk:064}", user=owner, expires_at=timezone.now() + timedelta(days=1))
    audit.record("made", actor=owner, entity=image)
    return Cast(people, connection, image, task, publication, membership, entry)


def _make_image(post: Post) -> Image:
    folder = Path(settings.MEDIA_ROOT)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cast.jpg").write_bytes(b"\xff\xd8\xff\xd9")
    image = Image.objects.create(
        post=post,
        platform_connection=post.platform_connection,
        image_url="https://social.example/1.png",
        image_post_id="1",
        attachment_index=0,
        local_path="cast.jpg",
        generated_caption="A draft.",
        captioned_at=timezone.now(),
    )
    CaptionVersion.objects.create(image=image, kind=CaptionVersion.Kind.GENERATED, text="A draft.")
    return image


def everything() -> dict[str, list[dict[str, Any]]]:
    """All rows of ours, to see whether something changed."""
    ours: list[type[models.Model]] = [model for app in OUR_APPS for model in apps.get_app_config(app).get_models()]
    return {
        model._meta.label: list(model._default_manager.order_by("pk").values())
        for model in ours
        if model not in CHANGED_BY_LOOKING
    }
