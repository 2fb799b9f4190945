"""`manage.py connect_platform`."""

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings
from pytest_httpserver import HTTPServer

from accounts.roles import Role
from accounts.tests.people import make_user
from platforms.forms import ConnectForm
from platforms.management.commands.connect_platform import Command
from platforms.models import PlatformConnection
from platforms.sandbox.testing import SandboxHandle
from platforms.tests.cast import host_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(sandbox: SandboxHandle, settings: Settings) -> SandboxHandle:
    settings.OUTBOUND_ALLOW = (host_of(sandbox.url),)
    return sandbox


@pytest.fixture
def token_file(tmp_path: Path, server: SandboxHandle) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{server.token}\n")
    return path


def run(server: SandboxHandle, token_file: Path | str, *more: str, user: str = "alice", name: str = "Kepler") -> str:
    out = io.StringIO()
    arguments = ["--user", user, "--name", name, "--instance", server.url, "--token-file", str(token_file)]
    call_command("connect_platform", *arguments, *more, stdout=out)
    return out.getvalue()


def test_it_connects_an_account(server: SandboxHandle, token_file: Path) -> None:
    alice = make_user("alice")
    said = run(server, token_file, user="ALICE")
    assert PlatformConnection.objects.get().user == alice
    assert f"Connected @demo@{host_of(server.url)} as 'Kepler'" in said
    assert "mastodon 4.4.0" in said
    assert server.token not in said


def test_it_reads_the_token_from_standard_input(server: SandboxHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    make_user("alice")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"  {server.token}\n"))
    run(server, "-")
    assert PlatformConnection.objects.get().access_token == server.token


def test_a_dry_run_checks_everything_and_stores_nothing(server: SandboxHandle, token_file: Path) -> None:
    make_user("alice")
    assert "Would connect @demo" in run(server, token_file, "--dry-run")
    assert not PlatformConnection.objects.exists()
    token_file.write_text("wrong")
    with pytest.raises(CommandError, match="does not accept"):
        run(server, token_file, "--dry-run")


@pytest.mark.parametrize("content", ["", " \n", "two words", "x" * 5000, b"\xff\xfe"])
def test_a_file_that_holds_no_token_is_refused(server: SandboxHandle, token_file: Path, content: str | bytes) -> None:
    make_user("alice")
    token_file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(CommandError, match="token"):
        run(server, token_file)
    assert server.requests() == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_byte_order_mark_and_a_line_end_are_no_part_of_the_token(
    server: SandboxHandle, token_file: Path, encoding: str
) -> None:
    make_user("alice")
    token_file.write_bytes(f"{server.token}\r\n".encode(encoding))
    run(server, token_file)
    assert PlatformConnection.objects.get().access_token == server.token


def test_a_byte_order_mark_on_standard_input_is_no_part_of_the_token(
    server: SandboxHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_user("alice")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"\ufeff{server.token}\n"))
    run(server, "-")
    assert PlatformConnection.objects.get().access_token == server.token


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_token_file_in_utf_16_is_named(server: SandboxHandle, token_file: Path, encoding: str) -> None:
    make_user("alice")
    token_file.write_bytes(server.token.encode(encoding))
    with pytest.raises(CommandError, match=r"UTF-16.*UTF-8"):
        run(server, token_file)
    token_file.write_bytes(b"t\xf6ken")
    with pytest.raises(CommandError, match="not text in UTF-8"):
        run(server, token_file)


def test_a_hostile_server_is_refused_in_a_printable_sentence(
    httpserver: HTTPServer, token_file: Path, settings: Settings
) -> None:
    make_user("alice")
    url = httpserver.url_for("").rstrip("/")
    settings.OUTBOUND_ALLOW = (host_of(url),)
    links = [{"rel": "http://nodeinfo.diaspora.software/ns/schema/2.0", "href": "https://[bad"}]
    httpserver.expect_request("/.well-known/nodeinfo").respond_with_json({"links": links})
    httpserver.expect_request("/api/v2/instance").respond_with_json({"version": "evil/\x1b[2J\u202e1"})
    refusal = {"error": "No\x1b]0;owned\x07\u202e"}
    httpserver.expect_request("/api/v1/accounts/verify_credentials").respond_with_json(refusal, status=403)
    names = ["--user", "alice", "--name", "Kepler", "--instance", url, "--token-file", str(token_file)]
    with pytest.raises(CommandError) as raised:
        call_command("connect_platform", *names)
    assert "runs evil" in str(raised.value)
    assert str(raised.value).isprintable()


def test_mistakes_are_said_in_words(server: SandboxHandle, token_file: Path) -> None:
    with pytest.raises(CommandError, match="There is no user 'alice'"):
        run(server, token_file)
    make_user("alice")
    with pytest.raises(CommandError, match="cannot be read"):
        run(server, token_file.parent / "missing")
    with pytest.raises(CommandError, match="1 to 100"):
        run(server, token_file, name=" ")
    make_user("vera", role=Role.VIEWER)
    with pytest.raises(CommandError, match="role does not allow"):
        run(server, token_file, user="vera")
    token_file.write_text("wrong-token")
    with pytest.raises(CommandError, match="does not accept") as raised:
        run(server, token_file)
    assert "wrong-token" not in str(raised.value)


def test_the_help_says_where_the_permissions_of_every_family_stand() -> None:
    said = " ".join(Command.help.split())
    assert "docs/platforms.md" in said
    assert "docs/platforms.md" in str(ConnectForm.base_fields["token"].help_text)
