from typing import Self

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.roles import Ability
from platforms.models import PlatformConnection
from platforms.wanted import Traits, tags_of
from vedfolnir.lib.fields import RemoteIdField, delete_along
from vedfolnir.lib.querysets import TouchingQuerySet


class PostQuerySet(TouchingQuerySet["Post"]):
    def visible_to(self, user: User) -> Self:
        if user.can(Ability.SEE_ALL):
            return self
        return self.filter(platform_connection__in=PlatformConnection.objects.visible_to(user))


class Post(models.Model):
    """A status on a connected account, as it was when last read."""

    class Visibility(models.TextChoices):
        PUBLIC = "public", _("Public")
        UNLISTED = "unlisted", _("Quiet public")
        PRIVATE = "private", _("Followers only")
        DIRECT = "direct", _("Direct message")

    post_id = RemoteIdField(max_length=500, db_index=True)
    author_id = RemoteIdField(max_length=200, db_column="user_id")
    post_url = models.CharField(max_length=500)
    post_content = models.TextField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())
    platform_connection = models.ForeignKey(PlatformConnection, on_delete=delete_along, null=True, related_name="posts")
    platform_type = models.CharField(max_length=50, null=True, blank=True)
    instance_url = models.CharField(max_length=500, null=True, blank=True)

    # The whole id where it is longer than its column, which then holds "sha256:" and the digest.
    full_post_id = models.TextField(null=True, blank=True)
    uri = models.TextField(default="", blank=True)
    uri_digest = models.CharField(max_length=64, default="", db_default="", blank=True)  # SHA-256, for its index
    visibility = models.CharField(max_length=20, default="", db_default="", blank=True)
    spoiler_text = models.TextField(default="", blank=True)
    sensitive = models.BooleanField(default=False, db_default=False)
    language = models.CharField(max_length=20, default="", db_default="", blank=True)
    posted_at = models.DateTimeField(null=True, blank=True)
    # As the server wrote it, because it is only ever compared; empty when never edited.
    edited_at = models.CharField(max_length=40, default="", db_default="", blank=True)
    has_poll = models.BooleanField(default=False, db_default=False)
    is_reply = models.BooleanField(default=False, db_default=False)  # to somebody else
    tags = models.TextField(default="", blank=True)  # in their plain form, separated by spaces
    attachment_count = models.PositiveSmallIntegerField(default=0, db_default=0)

    objects = PostQuerySet.as_manager()

    class Meta:
        db_table = "posts"
        verbose_name = _("post")
        constraints = [
            models.UniqueConstraint(fields=["post_id", "platform_connection"], name="uq_post_platform"),
            # What the foreign key "an image belongs to the connection of its post" points to.
            models.UniqueConstraint(fields=["id", "platform_connection"], name="uq_post_connection"),
        ]
        indexes = [models.Index(fields=["platform_connection", "uri_digest"], name="ix_post_uri")]

    def __str__(self) -> str:
        return self.post_url or self.post_id

    @property
    def remote_id(self) -> str:
        """The id that the server knows the post by."""
        return self.full_post_id or self.post_id

    @classmethod
    def no_narrower(cls, visibility: str) -> list[str]:
        """This visibility and the wider ones. One that we do not know is narrower than public, and like no other."""
        known = [str(each) for each in cls.Visibility]  # from the widest on
        return known[: known.index(visibility) + 1] if visibility in known else [known[0], visibility]

    @property
    def traits(self) -> Traits:
        """What the options of its connection ask of a post, as it was when last read."""
        return Traits(
            visibility=self.visibility,
            is_reply=self.is_reply,
            posted_at=self.posted_at,
            tags=tags_of(self.tags.split(), f"{self.post_content or ''} {self.spoiler_text}"),
        )
