"""Tokens that end are renewed by one worker, before they are used."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings
from pytest_httpserver import HTTPServer

from accounts.tests.people import make_user
from platforms import actions, renewing
from platforms.clients import oauth
from platforms.clients.base import CredentialsRefused, PlatformUnavailable
from platforms.clients.oauth import Tokens
from platforms.grants import Grant, renewal
from platforms.models import AttentionAbout, PlatformConnection
from platforms.sandbox.testing import SandboxHandle, running_sandbox
from platforms.speaking import client_for
from platforms.tests.cast import host_of, make_connection
from platforms.tests.oauth_way import Browser, exchanges

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def sandbox(tmp_path: Path, settings: Settings) -> Iterator[SandboxHandle]:
    """Pixelfed: its tokens end after 356 days."""
    with running_sandbox(tmp_path, with_samples=False, like="pixelfed") as handle:
        settings.OUTBOUND_ALLOW = (host_of(handle.url),)
        yield handle


@pytest.fixture
def revoking(tmp_path: Path, settings: Settings) -> Iterator[SandboxHandle]:
    """Pleroma: its tokens can be renewed and taken back."""
    with running_sandbox(tmp_path, with_samples=False, like="pleroma") as handle:
        settings.OUTBOUND_ALLOW = (host_of(handle.url),)
        yield handle


@pytest.fixture
def connection(sandbox: SandboxHandle) -> PlatformConnection:
    return Browser(make_user("alice")).connected(sandbox)


def make_due(connection: PlatformConnection, *, ends_in: timedelta = 6 * DAY) -> PlatformConnection:
    now = timezone.now()
    own = PlatformConnection.objects.filter(pk=connection.pk)
    own.update(renew_at=now - timedelta(seconds=1), token_expires_at=now + ends_in)
    return own.get()


def about(moment: datetime | None, days: float) -> bool:
    return moment is not None and abs(moment - timezone.now() - days * DAY) < timedelta(minutes=5)


def test_it_is_known_when_a_token_ends(connection: PlatformConnection) -> None:
    assert about(connection.token_expires_at, 356)
    assert about(connection.renew_at, 349)


@pytest.mark.parametrize(("lasts", "refresh", "days"), [(None, "r", None), (86_400, None, None), (86_400, "r", 0.75)])
def test_a_short_life_is_renewed_in_its_last_quarter(lasts: int | None, refresh: str | None, days: Any) -> None:
    now = timezone.now()
    expected = None if days is None else now + days * DAY
    assert renewal(Tokens("a", refresh, None, lasts), now) == expected


def test_a_token_is_renewed_before_it_is_used(connection: PlatformConnection, sandbox: SandboxHandle) -> None:
    due = make_due(connection)
    old = due.refresh_token
    client = client_for(due)
    client.verify()
    client.close()
    stored = PlatformConnection.objects.get()
    assert due.access_token == stored.access_token != connection.access_token
    assert stored.refresh_token != old
    assert sandbox.is_valid(stored.access_token)
    assert stored.scopes == "read write"
    assert about(stored.token_expires_at, 356)
    assert about(stored.renew_at, 349)


def test_a_token_that_lives_asks_nobody(connection: PlatformConnection, sandbox: SandboxHandle) -> None:
    asked = exchanges(sandbox)
    renewing.renew_if_due(connection)
    renewing.renew_if_due(make_connection(connection.user, sandbox, name="Pasted", username="x"))
    assert exchanges(sandbox) == asked


def test_two_workers_do_not_both_use_the_refresh_token(connection: PlatformConnection, sandbox: SandboxHandle) -> None:
    first, second = make_due(connection), make_due(connection)
    asked = exchanges(sandbox)
    renewing.renew_if_due(first)
    renewing.renew_if_due(second)
    assert exchanges(sandbox) == asked + 1
    assert first.access_token == second.access_token


def test_who_comes_while_another_renews_goes_on_with_what_still_lives(
    connection: PlatformConnection, sandbox: SandboxHandle
) -> None:
    stale = make_due(connection)
    PlatformConnection.objects.update(renew_at=timezone.now() + renewing.LEASE)  # another worker's
    renewing.renew_if_due(stale)
    assert stale.access_token == connection.access_token

    ended = make_due(connection, ends_in=-DAY)
    PlatformConnection.objects.update(renew_at=timezone.now() + renewing.LEASE)
    with pytest.raises(PlatformUnavailable, match="is being renewed"):
        renewing.renew_if_due(ended)


def test_a_token_that_ended_is_not_used_while_another_worker_renews_it(connection: PlatformConnection) -> None:
    make_due(connection, ends_in=-DAY)
    PlatformConnection.objects.update(renew_at=timezone.now() + renewing.LEASE)
    with pytest.raises(PlatformUnavailable, match="is being renewed") as refused:
        client_for(PlatformConnection.objects.get())
    assert refused.value.retry_after == renewing.LEASE.total_seconds()


def test_a_token_that_ended_is_not_used_after_its_renewal_failed(
    connection: PlatformConnection, sandbox: SandboxHandle
) -> None:
    make_due(connection, ends_in=-DAY)
    sandbox.fault(500, path_prefix="/oauth/token", times=2)
    for _attempt in range(2):
        with pytest.raises(PlatformUnavailable):
            client_for(PlatformConnection.objects.get())


def test_who_read_the_row_before_it_was_renewed_goes_on_with_the_new_token(
    connection: PlatformConnection, sandbox: SandboxHandle
) -> None:
    make_due(connection, ends_in=-DAY)
    PlatformConnection.objects.update(renew_at=timezone.now() + renewing.LEASE)
    early = PlatformConnection.objects.get()
    renewing.renew_if_due(make_due(connection, ends_in=-DAY))
    renewing.renew_if_due(early)
    assert sandbox.is_valid(early.access_token)


def test_a_refusal_needs_a_person(connection: PlatformConnection, sandbox: SandboxHandle) -> None:
    due = make_due(connection)
    due.refresh_token = "made-up"
    due.save()
    with pytest.raises(CredentialsRefused, match="does not renew the access that it gave"):
        actions.renew(due)
    stored = PlatformConnection.objects.get()
    assert (stored.attention_about, stored.renew_at) == (AttentionAbout.CREDENTIALS, None)
    asked = exchanges(sandbox)
    renewing.renew_if_due(stored)
    assert exchanges(sandbox) == asked


def test_a_server_in_trouble_is_asked_again_later(connection: PlatformConnection, sandbox: SandboxHandle) -> None:
    due = make_due(connection)
    sandbox.fault(500, path_prefix="/oauth/token", times=2)
    renewing.renew_if_due(due)
    stored = PlatformConnection.objects.get()
    assert stored.access_token == connection.access_token
    assert stored.attention is None
    assert about(stored.renew_at, renewing.LATER / DAY)

    with pytest.raises(PlatformUnavailable, match="is in trouble"):
        renewing.renew_if_due(make_due(connection, ends_in=-DAY))


@pytest.mark.parametrize("fault", ["html", 302, 403, 404, 422])
def test_what_is_no_answer_needs_a_person_at_the_latest_when_the_token_has_ended(
    connection: PlatformConnection, sandbox: SandboxHandle, fault: Any
) -> None:
    options: dict[str, Any] = {"status": 200} if fault == "html" else {}
    sandbox.fault(fault, path_prefix="/oauth/token", times=2, **options)
    actions.renew(make_due(connection))
    stored = PlatformConnection.objects.get()
    assert stored.attention is None
    assert about(stored.renew_at, renewing.LATER / DAY)

    with pytest.raises(CredentialsRefused, match="Sign in again"):
        actions.renew(make_due(connection, ends_in=-DAY))
    stored.refresh_from_db()
    assert (stored.attention_about, stored.renew_at) == (AttentionAbout.CREDENTIALS, None)


@pytest.mark.parametrize("status", [200, 403, 422])
def test_a_plain_no_needs_a_person_whatever_its_status(
    connection: PlatformConnection, httpserver: HTTPServer, settings: Settings, status: int
) -> None:
    elsewhere(connection, httpserver, settings, {"error": "invalid_grant"}, status)
    with pytest.raises(CredentialsRefused, match="does not renew the access that it gave"):
        actions.renew(make_due(connection))
    assert PlatformConnection.objects.get().attention_about == AttentionAbout.CREDENTIALS


def test_a_renewed_access_that_allows_less_is_stored_and_needs_a_person(
    connection: PlatformConnection, httpserver: HTTPServer, settings: Settings
) -> None:
    answer = {"access_token": "narrower", "refresh_token": "next", "expires_in": 3600, "scope": "read"}
    elsewhere(connection, httpserver, settings, answer)
    with pytest.raises(CredentialsRefused, match="does not include the permission “write”"):
        actions.renew(make_due(connection))
    stored = PlatformConnection.objects.get()
    assert (stored.access_token, stored.scopes) == ("narrower", "read")
    assert "“write”" in (stored.attention or "")


def test_no_log_and_no_repr_holds_what_was_renewed(
    connection: PlatformConnection, httpserver: HTTPServer, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = {"access_token": "CANARY-access", "refresh_token": "CANARY-refresh", "expires_in": 3600}
    elsewhere(connection, httpserver, settings, answer)
    secrets = [connection.access_token, connection.refresh_token, connection.client_secret, "CANARY"]
    renewing.renew_if_due(make_due(connection))
    stored = PlatformConnection.objects.get()
    assert stored.access_token == "CANARY-access"
    seen = caplog.text + repr(Grant.of(stored)) + repr(stored)
    assert [secret for secret in secrets if str(secret) in seen] == []


def elsewhere(
    connection: PlatformConnection, server: HTTPServer, settings: Settings, answer: Any, status: int = 200
) -> None:
    """Have the connection's server give that answer to a refresh token."""
    server.expect_request("/oauth/token").respond_with_json(answer, status=status)
    url = server.url_for("").rstrip("/")
    settings.OUTBOUND_ALLOW = (host_of(url),)
    for name in ("access_token", "refresh_token", "client_key", "client_secret"):
        setattr(connection, name, getattr(connection, name))  # sealed for one server
    connection.instance_url = url
    connection.save()


def test_what_somebody_stored_meanwhile_is_not_overwritten(
    connection: PlatformConnection, sandbox: SandboxHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    due, ask = make_due(connection), oauth.renew
    given: list[Tokens] = []

    def while_somebody_signs_in_again(*args: Any) -> Tokens:
        given.append(ask(*args))
        PlatformConnection.objects.update(renew_at=timezone.now() + 349 * DAY)
        return given[-1]

    monkeypatch.setattr(oauth, "renew", while_somebody_signs_in_again)
    renewing.renew_if_due(due)
    assert due.access_token == connection.access_token != given[0].access


def test_a_connection_that_is_removed_while_its_token_is_renewed_leaves_no_access_behind(
    revoking: SandboxHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = Browser(make_user("alice")).connected(revoking)
    due, ask = make_due(connection), oauth.renew
    given: list[Tokens] = []

    def while_it_is_removed(*args: Any) -> Tokens:
        given.append(ask(*args))
        actions.remove(connection, connection.user)
        return given[-1]

    monkeypatch.setattr(oauth, "renew", while_it_is_removed)
    with pytest.raises(CredentialsRefused, match="was removed"):
        actions.renew(due)
    assert not revoking.is_valid(given[0].access)


def test_a_connection_that_was_removed_before_its_token_is_renewed_is_left_alone(
    connection: PlatformConnection, sandbox: SandboxHandle
) -> None:
    due, asked = make_due(connection), exchanges(sandbox)
    PlatformConnection.objects.all().delete()
    with pytest.raises(CredentialsRefused, match="was removed"):
        actions.renew(due)
    assert exchanges(sandbox) == asked


def test_a_token_that_is_renewed_while_its_connection_is_removed_is_given_back_too(
    revoking: SandboxHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = Browser(make_user("alice")).connected(revoking)
    due, revoke = make_due(connection), oauth.revoke

    def while_it_is_renewed(*args: Any) -> None:
        monkeypatch.setattr(oauth, "revoke", revoke)
        renewing.renew_if_due(due)
        revoke(*args)

    monkeypatch.setattr(oauth, "revoke", while_it_is_renewed)
    actions.remove(connection, connection.user)
    assert due.access_token != connection.access_token
    assert not revoking.is_valid(due.access_token)


def test_a_token_that_ends_and_cannot_be_renewed_needs_a_person(connection: PlatformConnection) -> None:
    due = make_due(connection)
    due.refresh_token = None
    due.save()
    with pytest.raises(CredentialsRefused, match="cannot be renewed"):
        renewing.renew_if_due(due)


def test_a_test_of_the_connection_renews_first(connection: PlatformConnection, sandbox: SandboxHandle) -> None:
    sandbox.expire_token(connection.access_token)
    actions.test_connection(make_due(connection, ends_in=-DAY), connection.user)
    assert PlatformConnection.objects.get().access_token != connection.access_token
