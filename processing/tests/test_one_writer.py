"""One writer per account: also where two people have connected the same one, each for themselves."""

from threading import Barrier, Thread

from django.db import connection
from django.test import TransactionTestCase, skipUnlessDBFeature
from django.utils import timezone

from captions.models import Post, Publication
from platforms.models import PlatformConnection
from processing.publishing import leases
from processing.tests import cast
from processing.tests.publishing_case import PublishingCase

ROUNDS = 8


def queue(row: PlatformConnection, number: int) -> Publication:
    """A publication that is due; nothing here asks the server."""
    post = Post.objects.create(platform_connection=row, post_id=f"{number}", author_id="1", post_url="")
    now = timezone.now()
    return Publication.objects.create(
        post=post, platform_connection=row, status=Publication.Status.QUEUED, next_attempt_at=now
    )


def connect(name: str, account_id: str = "1", host: str = "social.example") -> PlatformConnection:
    return PlatformConnection.objects.create(
        user=cast.make_user(name),
        name="Home",
        platform_type="mastodon",
        instance_url=f"https://{host}",
        username=f"demo{account_id}",
        account_id=account_id,
        access_token="token",
    )


class OneWriterTests(PublishingCase):
    def test_two_connections_of_one_account_are_one_account(self) -> None:
        first, second = (queue(connect(name), 1) for name in ("anna", "bert"))

        self.assertIsNotNone(leases.claim(first.pk))
        self.assertIsNone(leases.claim(second.pk))
        self.lapse(first)
        self.assertIsNotNone(leases.claim(second.pk))

    def test_another_account_and_another_server_are_written_to_meanwhile(self) -> None:
        rows = [connect("anna"), connect("bert", account_id="2"), connect("cleo", host="other.example")]
        self.assertTrue(all(leases.claim(queue(row, 1).pk) for row in rows))

    def test_connections_whose_account_is_not_known_do_not_wait_for_each_other(self) -> None:
        rows = [connect("anna", account_id=""), connect("bert", account_id="")]
        self.assertTrue(all(leases.claim(queue(row, 1).pk) for row in rows))


@skipUnlessDBFeature("has_select_for_update")
class OneWriterRaceTests(TransactionTestCase):
    def test_of_two_workers_at_the_same_moment_one_gets_the_account(self) -> None:
        rows = [connect(name) for name in ("anna", "bert")]
        for number in range(ROUNDS):
            due = [queue(row, number) for row in rows]
            start, claimed = Barrier(2), list[Publication | None]()

            def claim(pk: int, start: Barrier = start, claimed: list[Publication | None] = claimed) -> None:
                start.wait()
                try:
                    claimed.append(leases.claim(pk))
                finally:
                    connection.close()

            threads = [Thread(target=claim, args=(one.pk,)) for one in due]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

            self.assertEqual([one is None for one in claimed].count(False), 1)
            Publication.objects.update(leased_until=None, next_attempt_at=None)
