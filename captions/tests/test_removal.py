from django.test import TestCase
from django.utils import timezone

from accounts.models import User
from captions.models import CaptionVersion, Image, Post, Publication
from platforms.actions import remove
from platforms.models import PlatformConnection


class RemovalTests(TestCase):
    def test_a_connection_goes_with_all_that_hangs_on_it(self) -> None:
        owner = User.objects.create_user("rita", "rita@example.org", "correct horse battery", role="reviewer")
        User.objects.filter(pk=owner.pk).update(is_approved=True)
        owner.refresh_from_db()
        connection = PlatformConnection.objects.create(
            user=owner, name="S", platform_type="mastodon", instance_url="https://a.example", access_token="secret"
        )
        for number in range(3):
            post = Post.objects.create(
                platform_connection=connection, post_id=str(number), author_id="1", post_url="https://a.example/1"
            )
            image = Image.objects.create(
                post=post,
                platform_connection=connection,
                image_url="https://a.example/1.png",
                image_post_id=str(number),
                attachment_index=0,
                captioned_at=timezone.now(),
            )
            CaptionVersion.objects.create(image=image, kind=CaptionVersion.Kind.GENERATED, text="A draft.")
            Publication.objects.create(post=post, platform_connection=connection)

        remove(connection, owner)

        for model in (PlatformConnection, Post, Image, CaptionVersion, Publication):
            self.assertFalse(model.objects.exists(), model)
