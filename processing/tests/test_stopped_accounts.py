"""Something went wrong with a post: nothing more is written to that account, whoever else has connected it."""

from io import StringIO
from unittest.mock import patch

from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.roles import Role
from captions.models import Publication
from platforms import actions
from platforms.clients.base import CredentialsRefused
from platforms.models import PlatformConnection
from processing.publishing import Result, publish_publication
from processing.tests import cast
from processing.tests.publishing_case import PublishingCase


class StoppedAccountTests(PublishingCase):
    otto: User  # has connected the same account, and must not learn what Rita's connection does
    ottos: PlatformConnection

    def setUp(self) -> None:
        super().setUp()
        self.otto = cast.make_user("otto")
        self.ottos = cast.connect(self.otto, self.sandbox)
        post, images = cast.drafted_post(self.ottos, self.sandbox, self.sandbox.add_status("Otto's."))
        cast.approve_all(images, self.otto)
        self.waiting = Publication.objects.get(post=post)

    def approved_publication(self) -> Publication:
        post, _texts = self.approved(self.sandbox.add_status("Only for Rita's eyes.", pictures=2, visibility="public"))
        return Publication.objects.select_related("post").get(post=post)

    def alarmed(self) -> Publication:
        publication = self.approved_publication()
        self.sandbox.fault("drop_image", method="PUT")
        self.assertEqual(publish_publication(publication.pk), Result.REFUSED)
        self.connection.refresh_from_db()
        publication.refresh_from_db()
        return publication

    def test_an_alarm_stops_all_connections_to_the_account_until_it_is_cleared_where_it_was_raised(self) -> None:
        self.alarmed()
        self.assertEqual(publish_publication(self.waiting.pk), Result.NOT_DUE)
        with self.assertRaises(actions.NotAllowed):
            actions.clear_attention(self.connection, self.otto)
        actions.clear_attention(self.ottos, self.otto)
        self.assertEqual(publish_publication(self.waiting.pk), Result.NOT_DUE)

        actions.clear_attention(self.connection, self.reviewer)

        self.assertEqual(publish_publication(self.waiting.pk), Result.POSTED)

    def test_nothing_else_of_the_account_is_written_between_the_damage_and_its_record(self) -> None:
        publication = self.approved_publication()
        self.sandbox.fault("drop_image", method="PUT")
        results = list[Result]()

        def otto_comes_first(connection: PlatformConnection, reason: str) -> None:
            results.append(publish_publication(self.waiting.pk))
            actions.raise_attention(connection, reason)

        with patch("processing.publishing.outcomes.raise_attention", otto_comes_first):
            publish_publication(publication.pk)
        self.assertEqual(results, [Result.NOT_DUE])

    def test_the_other_connection_says_so_and_nothing_of_the_post(self) -> None:
        alarmed = self.alarmed()
        self.client.force_login(self.otto)
        page = self.client.get(reverse("platforms:detail", args=[self.ottos.pk]))
        self.assertContains(page, "Publishing to this account is stopped")
        self.assertNotContains(page, alarmed.post.post_url)
        self.assertNotContains(page, "Rita")
        self.client.force_login(self.reviewer)
        own = self.client.get(reverse("platforms:detail", args=[self.connection.pk]))
        self.assertNotContains(own, "Publishing to this account is stopped")
        self.assertContains(own, alarmed.post.post_url)

    def test_the_command_names_the_connection_where_somebody_must_look(self) -> None:
        self.alarmed()
        with self.assertRaisesMessage(CommandError, f"by another connection to it: Sandbox ({self.connection.pk})"):
            call_command("publish", connection=str(self.ottos.pk), stdout=StringIO())

    def test_what_a_person_wants_undone_is_undone_all_the_same(self) -> None:
        self.assertEqual(publish_publication(self.waiting.pk), Result.POSTED)
        self.alarmed()
        Publication.objects.filter(pk=self.waiting.pk).update(
            status=Publication.Status.UNDOING, next_attempt_at=timezone.now()
        )
        self.assertEqual(publish_publication(self.waiting.pk), Result.UNDONE)

    def test_a_bad_token_stops_its_own_connection_alone(self) -> None:
        actions.raise_attention(self.connection, CredentialsRefused("The token is not accepted."))
        self.assertEqual(publish_publication(self.waiting.pk), Result.POSTED)

    def test_another_account_and_accounts_that_are_not_known_go_on(self) -> None:
        PlatformConnection.objects.filter(pk=self.connection.pk).update(account_id="")
        actions.raise_attention(self.connection, "Look.")
        for account_id in ("", "another"):
            with self.subTest(account_id=account_id):
                PlatformConnection.objects.filter(pk=self.ottos.pk).update(account_id=account_id)
                self.assertIn(self.waiting, Publication.objects.due())

    def test_moderators_clear_it_for_both(self) -> None:
        self.alarmed()
        actions.clear_attention(self.connection, cast.make_user("mona", Role.MODERATOR))
        self.assertFalse(self.ottos.is_stopped_elsewhere())


class DryRunTests(PublishingCase):
    def test_it_does_not_promise_to_write_where_nothing_can_be_written(self) -> None:
        self.approved(self.sandbox.add_status())
        PlatformConnection.objects.update(software_version="4.0.2")
        said = StringIO()
        call_command("publish", "--dry-run", connection=str(self.connection.pk), stdout=said)
        self.assertIn("could not write to", said.getvalue())
        self.assertNotIn("would", said.getvalue())
