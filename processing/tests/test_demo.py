"""The data of a first try: made once, kept afterwards."""

import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import User
from platforms.fields import readable
from platforms.models import PlatformConnection, PlatformMember
from platforms.sandbox.testing import SandboxHandle, running_sandbox

pytestmark = pytest.mark.django_db


@pytest.fixture
def sandbox(tmp_path: Path, settings: LazySettings) -> Iterator[SandboxHandle]:
    with running_sandbox(tmp_path) as handle:
        settings.OUTBOUND_ALLOW = (urlsplit(handle.url).netloc,)
        yield handle


def create(sandbox: SandboxHandle, *options: str) -> str:
    out = StringIO()
    where = ["--sandbox-url", sandbox.url, "--sandbox-database", str(sandbox.database)]
    call_command("create_demo_data", *where, *options, stdout=out, no_color=True)
    return out.getvalue()


def test_both_people_can_sign_in_and_the_sandbox_is_the_reviewers(sandbox: SandboxHandle) -> None:
    printed = create(sandbox)
    passwords = dict(re.findall(r"^(\w+) +password: (\S+)", printed, re.MULTILINE))
    assert set(passwords) == {"admin", "reviewer"}
    for name, password in passwords.items():
        assert Client().login(username=name, password=password)
    connection = PlatformConnection.objects.get()
    assert (connection.user.username, connection.name, connection.platform_type) == ("reviewer", "Sandbox", "mastodon")
    assert readable(connection.access_token) not in printed
    assert not PlatformMember.objects.exists()
    assert dict(User.objects.values_list("username", "role")) == {"admin": "admin", "reviewer": "reviewer"}


def test_a_second_run_keeps_everything(sandbox: SandboxHandle) -> None:
    create(sandbox)
    before = list(User.objects.values()), list(PlatformConnection.objects.values())
    printed = create(sandbox)
    assert "password:" not in printed
    assert printed.count("kept") == 3
    assert (list(User.objects.values()), list(PlatformConnection.objects.values())) == before


def test_a_dry_run_makes_nothing(sandbox: SandboxHandle) -> None:
    printed = create(sandbox, "--dry-run")
    assert "Would make the account admin." in printed
    assert not User.objects.exists()
    create(sandbox)
    assert "Would keep the connection" in create(sandbox, "--dry-run")


def test_a_revoked_token_is_replaced(sandbox: SandboxHandle) -> None:
    create(sandbox)
    old = readable(PlatformConnection.objects.get().access_token)
    sandbox.revoke(old)
    assert "connected" in create(sandbox)
    assert readable(PlatformConnection.objects.get().access_token) != old


def test_without_the_sandbox_the_passwords_are_shown_all_the_same(tmp_path: Path, settings: LazySettings) -> None:
    settings.OUTBOUND_ALLOW = ("127.0.0.1:9",)
    out = StringIO()
    where = ["--sandbox-url", "http://127.0.0.1:9", "--sandbox-database", str(tmp_path / "sandbox.sqlite3")]
    with pytest.raises(CommandError, match="It must run"):
        call_command("create_demo_data", *where, stdout=out)
    assert out.getvalue().count("password:") == 2
    assert not PlatformConnection.objects.exists()


def test_a_second_sandbox_gets_a_name_of_its_own(sandbox: SandboxHandle) -> None:
    create(sandbox)
    PlatformConnection.objects.update(instance_url="http://127.0.0.1:1")
    create(sandbox)
    assert set(PlatformConnection.objects.values_list("name", flat=True)) == {
        "Sandbox",
        f"Sandbox {urlsplit(sandbox.url).netloc}",
    }
