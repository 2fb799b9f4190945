"""A token that was replaced while somebody worked with it: its refusal is no reason to trouble a person."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.tests.people import make_user
from captions.models import Image, Publication
from platforms import actions
from platforms.clients import oauth
from platforms.clients.base import CredentialsRefused, PlatformClient, PlatformUnavailable
from platforms.clients.oauth import Tokens
from platforms.models import PlatformConnection
from platforms.sandbox.testing import SandboxHandle, running_sandbox
from platforms.speaking import client_for
from platforms.tests.cast import host_of
from platforms.tests.oauth_way import Browser
from processing.actions import start_task
from processing.models import CaptionGenerationTask, TaskStatus
from processing.publishing import Result, publish_publication
from processing.running import run_task
from processing.tests.publishing_case import PublishingCase

SECOND = timedelta(seconds=1)


@pytest.fixture
def sandbox(tmp_path: Path, settings: Settings) -> Iterator[SandboxHandle]:
    """Pixelfed: a renewal ends the token before."""
    with running_sandbox(tmp_path, with_samples=False, like="pixelfed") as handle:
        settings.OUTBOUND_ALLOW = (host_of(handle.url),)
        for number in range(60):
            handle.add_status(f"Post {number}.")
        yield handle


@pytest.fixture
def browser() -> Browser:
    return Browser(make_user("alice"))


@pytest.fixture
def connection(browser: Browser, sandbox: SandboxHandle) -> PlatformConnection:
    return browser.connected(sandbox)


def sweep_renews() -> None:
    """What the sweep's message does when it is time."""
    PlatformConnection.objects.update(renew_at=timezone.now() - SECOND)
    actions.renew(PlatformConnection.objects.get())


def scan(connection: PlatformConnection, meanwhile: Callable[[], object]) -> CaptionGenerationTask:
    """One message's work, in which `meanwhile` happens once, after the first page."""
    left = [meanwhile]
    task = start_task(connection, connection.user, processing_delay=0.0)
    run_task(task.pk, after_page=lambda: left and left.pop()())
    assert not left
    task.refresh_from_db()
    return task


@pytest.mark.django_db
class TestScans:
    def test_a_scan_goes_on_later_when_the_sweep_renewed_the_token(self, connection: PlatformConnection) -> None:
        task = scan(connection, sweep_renews)
        connection.refresh_from_db()
        assert (task.status, connection.attention) == (TaskStatus.RUNNING, None)
        assert "renewed" in (task.error_message or "")
        CaptionGenerationTask.objects.update(next_attempt_at=timezone.now())
        run_task(task.pk)
        task.refresh_from_db()
        assert task.scanned_at is not None
        assert Image.objects.count() == 60

    def test_a_scan_goes_on_later_when_somebody_signed_in_again(
        self, connection: PlatformConnection, browser: Browser, sandbox: SandboxHandle
    ) -> None:
        def sign_in_again() -> None:
            before = PlatformConnection.objects.get().access_token
            browser.sign_in_again(connection, sandbox)
            sandbox.expire_token(before)  # given back; the real one has no way to

        task = scan(connection, sign_in_again)
        connection.refresh_from_db()
        assert (task.status, connection.attention) == (TaskStatus.RUNNING, None)

    def test_a_scan_fails_when_the_token_was_taken_back(
        self, connection: PlatformConnection, sandbox: SandboxHandle
    ) -> None:
        task = scan(connection, lambda: sandbox.expire_token(connection.access_token))
        connection.refresh_from_db()
        assert task.status == TaskStatus.FAILED
        assert "does not accept Vedfolnir's access any more" in (connection.attention or "")


@pytest.mark.django_db
class TestWhileItIsRenewed:
    """Between the answer of the server and our row, the token is refused and is still the one that is stored."""

    def test_its_refusal_is_no_reason_to_give_up(
        self, connection: PlatformConnection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client, ask = client_for(connection), oauth.renew
        refused: list[str] = []

        def before_it_is_stored(*args: Any) -> Tokens:
            tokens = ask(*args)
            with pytest.raises(PlatformUnavailable) as error:
                client.verify()
            with pytest.raises(actions.ConnectRefused) as test:
                actions.test_connection(connection, connection.user)
            refused.extend([error.value.reason, test.value.reason])
            return tokens

        monkeypatch.setattr(oauth, "renew", before_it_is_stored)
        sweep_renews()
        client.close()
        assert [reason for reason in refused if "renewed" not in reason] == []
        assert PlatformConnection.objects.get().attention is None

    def test_a_renewal_that_failed_hides_no_refusal(
        self, connection: PlatformConnection, sandbox: SandboxHandle
    ) -> None:
        sandbox.fault(500, path_prefix="/oauth/token", times=2)
        sweep_renews()
        sandbox.expire_token(connection.access_token)
        with pytest.raises(actions.ConnectRefused, match="does not accept Vedfolnir's access any more"):
            actions.test_connection(PlatformConnection.objects.get(), connection.user)
        assert PlatformConnection.objects.get().attention

    def test_what_was_replaced_needs_no_attention(self, connection: PlatformConnection) -> None:
        early = PlatformConnection.objects.get()
        sweep_renews()
        actions.raise_attention(early, CredentialsRefused("Refused."))
        assert PlatformConnection.objects.get().attention is None


class PublishingTests(PublishingCase):
    def replacing(self, connection: PlatformConnection) -> PlatformClient:
        """A client whose token somebody replaces before it is used."""
        client = client_for(connection)
        new = PlatformConnection.objects.get(pk=connection.pk)
        self.sandbox.revoke(connection.access_token)
        new.access_token = self.sandbox.issue_token()
        new.save(update_fields=["access_token"])
        return client

    def test_a_publication_is_written_with_the_new_token(self) -> None:
        status_id = self.sandbox.add_status("A post.")
        post, texts = self.approved(status_id)
        publication = Publication.objects.get(post=post)

        self.assertEqual(publish_publication(publication.pk, client_factory=self.replacing), Result.LATER)
        self.connection.refresh_from_db()
        self.assertIsNone(self.connection.attention)
        Publication.objects.update(next_attempt_at=timezone.now())
        self.assertEqual(publish_publication(publication.pk), Result.POSTED)
        self.assertEqual(self.alt_texts(status_id), list(texts.values()))
