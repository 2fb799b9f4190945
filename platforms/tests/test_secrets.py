"""A token is in the database as ciphertext, and nowhere else."""

import io
import logging
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.test import Client, RequestFactory
from django.urls import reverse
from django.views.debug import ExceptionReporter
from pytest_django import Settings

from accounts.models import AuditLog
from accounts.roles import Role
from accounts.tests.people import make_user
from platforms import actions
from platforms.clients.base import CredentialsRefused
from platforms.credentials import require_readable_credentials
from platforms.fields import CredentialUnreadable, Unreadable, readable
from platforms.models import PlatformConnection
from platforms.sandbox.testing import SandboxHandle
from platforms.speaking import client_for
from platforms.tests.cast import host_of, make_connection

pytestmark = pytest.mark.django_db

SECRETS: dict[str, Any] = {
    "access_token": "tok-CANARY-1",
    "client_key": "key-CANARY-2",
    "client_secret": "sec-CANARY-3",
}


def raw_row(pk: int) -> dict[str, Any]:
    """The row as it lies in the database, not as our field reads it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM platform_connections WHERE id = %s", [pk])
        names = [column[0] for column in cursor.description]
        return dict(zip(names, cursor.fetchone(), strict=True))


def test_the_row_holds_fernet_tokens_and_no_secret() -> None:
    stored = make_connection(make_user(), **SECRETS)
    row = raw_row(stored.pk)
    assert "CANARY" not in repr(row)
    for name, secret in SECRETS.items():
        assert row[name].startswith("gAAAA")
        assert readable(getattr(PlatformConnection.objects.get(), name)) == secret


def test_the_same_secret_is_stored_differently_each_time() -> None:
    alice = make_user()
    first, second = make_connection(alice), make_connection(alice, name="Second", username="second")
    assert raw_row(first.pk)["access_token"] != raw_row(second.pk)["access_token"]


def test_dumpdata_holds_no_secret_and_no_ciphertext() -> None:
    make_connection(make_user(), **SECRETS)
    written = io.StringIO()
    call_command("dumpdata", "platforms", stdout=written)
    assert "Kepler" in written.getvalue()
    assert "CANARY" not in written.getvalue()
    assert "gAAAA" not in written.getvalue()


def test_a_wrong_key_is_an_error_with_a_name(settings: Settings) -> None:
    make_connection(make_user())
    require_readable_credentials()
    settings.PLATFORM_ENCRYPTION_KEYS = (Fernet.generate_key().decode(),)
    with pytest.raises(CredentialUnreadable, match="PLATFORM_ENCRYPTION_KEY"):
        require_readable_credentials()


def test_without_stored_credentials_any_key_will_do(settings: Settings) -> None:
    settings.PLATFORM_ENCRYPTION_KEYS = (Fernet.generate_key().decode(),)
    require_readable_credentials()


def test_a_database_that_cannot_be_asked_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise DatabaseError("no such table")

    monkeypatch.setattr(type(PlatformConnection.objects.all()), "first", fail)
    require_readable_credentials()
    assert "not checked" in caplog.text


def test_a_row_under_another_key_is_shown_and_cannot_be_used(settings: Settings) -> None:
    alice = make_user()
    make_connection(alice)
    settings.PLATFORM_ENCRYPTION_KEYS = (Fernet.generate_key().decode(),)
    stored = PlatformConnection.objects.get()
    assert isinstance(stored.access_token, Unreadable)
    with pytest.raises(CredentialsRefused, match="cannot be decrypted"):
        client_for(stored)
    with pytest.raises(actions.ConnectRefused, match="cannot be decrypted"):
        actions.test_connection(stored, alice)
    with pytest.raises(CredentialUnreadable):
        stored.save()  # what could not be read is not written over


def test_rotated_keys_stay_readable(settings: Settings) -> None:
    make_connection(make_user())
    new = Fernet.generate_key().decode()
    settings.PLATFORM_ENCRYPTION_KEYS = (new, *settings.PLATFORM_ENCRYPTION_KEYS)
    require_readable_credentials()
    stored = PlatformConnection.objects.get()
    stored.save(update_fields=["access_token"])
    settings.PLATFORM_ENCRYPTION_KEYS = (new,)
    assert PlatformConnection.objects.get().access_token == "a-token"


@pytest.mark.parametrize("client_secret", [None, ""])
def test_no_secret_stays_no_secret(client_secret: str | None) -> None:
    make_connection(make_user(), client_secret=client_secret)
    assert PlatformConnection.objects.get().client_secret == client_secret


def test_no_page_no_log_and_no_audit_row_holds_the_token(
    sandbox: SandboxHandle, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.OUTBOUND_ALLOW = (host_of(sandbox.url),)
    caplog.set_level(logging.DEBUG)
    client = Client()
    client.force_login(make_user("ada", role=Role.ADMIN))
    token = sandbox.token
    form = {"instance_url": sandbox.url, "token": token, "name": "Kepler"}

    pages = [client.post(reverse("platforms:connect"), form, follow=True)]
    stored = PlatformConnection.objects.get()
    pages.append(client.post(reverse("platforms:test", args=[stored.pk]), follow=True))
    pages += [client.get(reverse(name, args=[stored.pk])) for name in ("platforms:detail", "platforms:remove")]
    pages.append(client.get(reverse("admin:platforms_platformconnection_change", args=[stored.pk])))
    pages.append(client.get(reverse("admin:platforms_platformconnection_changelist")))
    sandbox.revoke(token)
    pages.append(client.post(reverse("platforms:test", args=[stored.pk]), follow=True))

    assert all(page.status_code == 200 for page in pages)
    ciphertext = raw_row(stored.pk)["access_token"]
    for secret in (token, ciphertext):
        assert all(secret not in page.content.decode() for page in pages)
        assert secret not in caplog.text
        assert secret not in repr(list(AuditLog.objects.values()))


def test_an_error_report_hides_the_token(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    def explode(*_: Any, **__: Any) -> None:
        raise RuntimeError("a bug")

    settings.DEBUG = False
    monkeypatch.setattr("platforms.identity.detect", explode)
    request = RequestFactory().post("/platforms/connect/", {"token": SECRETS["access_token"]})
    with pytest.raises(RuntimeError) as raised:
        actions.connect(make_user(), name="Kepler", instance_url="social.example", token=SECRETS["access_token"])
    report = ExceptionReporter(request, raised.type, raised.value, raised.tb).get_traceback_text()
    assert "a bug" in report
    assert "CANARY" not in report.partition("Request information")[0]


def test_the_repr_of_what_passes_the_token_on_does_not_show_it(sandbox: SandboxHandle, settings: Settings) -> None:
    settings.OUTBOUND_ALLOW = (host_of(sandbox.url),)
    stored = make_connection(make_user(), sandbox)
    client = client_for(stored)
    assert sandbox.token not in repr([stored, client, vars(client)])
    client.close()
