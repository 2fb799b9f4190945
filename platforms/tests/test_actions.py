"""Connecting, testing, options, members, attention, removal: the rows and the audit log after each."""

import re
from contextlib import nullcontext
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from pytest_django import Settings
from pytest_httpserver import HTTPServer

from accounts.models import AuditLog, User
from accounts.roles import Role
from accounts.tests.people import make_user
from platforms import actions, identity
from platforms.clients.base import CredentialsRefused, PlatformRefused
from platforms.clients.mastodon import MastodonClient
from platforms.clients.unknown import UnknownClient
from platforms.models import AttentionAbout, PlatformConnection, PlatformMember
from platforms.sandbox.testing import SandboxHandle
from platforms.speaking import client_for
from platforms.tests.cast import host_of, make_connection
from vedfolnir.lib.outbound import Timeout

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(sandbox: SandboxHandle, settings: Settings) -> SandboxHandle:
    """A sandbox that the product may speak to though it is on loopback."""
    settings.OUTBOUND_ALLOW = (host_of(sandbox.url),)
    return sandbox


@pytest.fixture
def website(httpserver: HTTPServer, settings: Settings) -> HTTPServer:
    settings.OUTBOUND_ALLOW = (host_of(httpserver.url_for("")),)
    return httpserver


def audited(action: str) -> list[dict[str, Any]]:
    return [row.details or {} for row in AuditLog.objects.filter(action=action).order_by("pk")]


def connect(user: User, server: SandboxHandle, **changes: Any) -> PlatformConnection:
    return actions.connect(user, **{"name": "Kepler", "instance_url": server.url, "token": server.token} | changes)


class TestConnecting:
    def test_it_stores_who_the_token_speaks_for_and_what_the_server_is(self, server: SandboxHandle) -> None:
        alice = make_user("alice")
        connect(alice, server, name="  My   account ", token=f" {server.token}\n")
        connection = PlatformConnection.objects.get()
        assert (connection.user, connection.name, connection.username) == (alice, "My account", "demo")
        assert (connection.platform_type, connection.software) == ("mastodon", "mastodon")
        assert (connection.account_id, connection.alt_text_limit) == (server.account_id, 1500)
        assert connection.language == "en"  # of the account's settings on the server
        assert connection.access_token == server.token
        assert audited("platform_connected")[0]["account"] == connection.address

    def test_the_first_connection_is_the_default_one(self, server: SandboxHandle) -> None:
        alice = make_user("alice")
        make_connection(alice, name="Old", is_default=True)
        assert not connect(alice, server).is_default
        assert connect(make_user("bob"), server).is_default

    def test_the_same_account_once_more_gets_the_new_token(self, server: SandboxHandle) -> None:
        alice = make_user("alice")
        first = connect(alice, server)
        actions.raise_attention(first, CredentialsRefused("The token was revoked."))
        token = server.issue_token()

        again = connect(alice, server, name="Renamed", token=token)

        assert again.pk == first.pk
        stored = PlatformConnection.objects.get()
        assert (stored.access_token, stored.name, stored.attention, stored.is_default) == (token, "Renamed", None, True)
        assert len(audited("platform_reconnected")) == 1

    def test_a_connection_that_was_let_rest_goes_on_resting_with_its_new_token(self, server: SandboxHandle) -> None:
        alice = make_user("alice")
        actions.set_active(connect(alice, server), alice, active=False)
        assert not connect(alice, server, token=server.issue_token()).is_active

    def test_an_accounts_address_names_its_server_and_a_name_keeps_no_hidden_characters(self) -> None:
        alice = make_user("alice")
        wish = actions.checked_wish(alice, name="Kep\u202eler\u200b  two", instance_url=" @demo@Mastodon.example ")
        assert wish == ("Kepler two", "https://mastodon.example")

    def test_a_new_token_does_not_settle_an_alarm_about_an_edit(self, server: SandboxHandle) -> None:
        alice = make_user("alice")
        actions.raise_attention(connect(alice, server), "A post differs from what was written.")
        assert connect(alice, server).attention == "A post differs from what was written."

    def test_two_people_may_connect_the_same_account(self, server: SandboxHandle) -> None:
        assert connect(make_user("alice"), server).pk != connect(make_user("bob"), server).pk

    def test_a_taken_name_is_refused(self, server: SandboxHandle) -> None:
        alice = make_user("alice")
        make_connection(alice, name="Kepler")
        with pytest.raises(actions.ConnectRefused, match="Choose another name") as raised:
            connect(alice, server)
        assert raised.value.field == "name"
        assert PlatformConnection.objects.count() == 1

    @pytest.mark.parametrize("name", ["", "  ", "x" * 101])
    def test_a_name_has_1_to_100_characters(self, server: SandboxHandle, name: str) -> None:
        with pytest.raises(actions.ConnectRefused, match="1 to 100") as raised:
            connect(make_user(), server, name=name)
        assert raised.value.field == "name"

    @pytest.mark.parametrize("role", [Role.VIEWER, "nonsense"])
    def test_a_viewer_may_not_connect(self, server: SandboxHandle, role: str) -> None:
        viewer = make_user("vera")
        viewer.role = role
        with pytest.raises(actions.NotAllowed):
            connect(viewer, server)
        assert server.requests() == []

    def test_a_wrong_token_is_refused_and_not_stored(self, server: SandboxHandle) -> None:
        with pytest.raises(actions.ConnectRefused, match="does not accept the access token") as raised:
            connect(make_user(), server, token="wrong")
        assert raised.value.field == "token"
        assert not PlatformConnection.objects.exists()
        assert not AuditLog.objects.filter(entity_type="platformconnection").exists()

    @pytest.mark.parametrize(
        ("url", "words"),
        [
            ("http://127.0.0.1:9", "must be reached by https"),
            ("https://127.0.0.1", r"127\.0\.0\.1"),
            ("social.example/@demo", "Enter only the server's address"),
            ("", "Enter the server's address"),
            ("ftp://social.example", "https://"),
        ],
    )
    def test_an_address_that_cannot_be_used_is_refused(self, server: SandboxHandle, url: str, words: str) -> None:
        with pytest.raises(actions.ConnectRefused, match=words) as raised:
            connect(make_user(), server, instance_url=url)
        assert raised.value.field == "instance_url"

    def test_a_server_that_is_not_there_is_said(self, settings: Settings, server: SandboxHandle) -> None:
        settings.OUTBOUND_ALLOW = ("127.0.0.1:9",)
        with pytest.raises(actions.ConnectRefused) as raised:
            connect(make_user(), server, instance_url="http://127.0.0.1:9")
        assert raised.value.field == "instance_url"

    def test_a_web_site_is_refused(self, website: HTTPServer) -> None:
        website.expect_request(re.compile(".*")).respond_with_data("<h1>Hello</h1>", content_type="text/html")
        with pytest.raises(actions.ConnectRefused, match="web page"):
            actions.connect(make_user(), name="Site", instance_url=website.url_for(""), token="a-token")

    def test_the_token_is_sent_only_once_the_server_has_said_what_it_is(self, website: HTTPServer) -> None:
        website.expect_request(re.compile(".*")).respond_with_json({"error": "?"}, status=404)
        with pytest.raises(actions.ConnectRefused):
            actions.connect(make_user(), name="Site", instance_url=website.url_for(""), token="a-token")
        assert all("Authorization" not in request.headers for request, _answer in website.log)

    def test_another_software_without_the_api_is_named(self, website: HTTPServer) -> None:
        links = [{"rel": "http://nodeinfo.diaspora.software/ns/schema/2.1", "href": "/nodeinfo/2.1"}]
        website.expect_request("/.well-known/nodeinfo").respond_with_json({"links": links})
        website.expect_request("/nodeinfo/2.1").respond_with_json({"software": {"name": "writefreely", "version": "1"}})
        website.expect_request(re.compile("/api/.*")).respond_with_json({}, status=404)
        with pytest.raises(actions.ConnectRefused, match="runs writefreely"):
            actions.connect(make_user(), name="Site", instance_url=website.url_for(""), token="a-token")

    def test_another_software_is_connected_for_reading(self, website: HTTPServer) -> None:
        website.expect_request("/api/v2/instance").respond_with_json({"version": "misskey/13.2.0"})
        website.expect_request("/api/v1/accounts/verify_credentials").respond_with_json(
            {"id": "7", "username": "alice"}
        )
        website.expect_request(re.compile("/.well-known/.*")).respond_with_json({}, status=404)
        connection = actions.connect(make_user(), name="Site", instance_url=website.url_for(""), token="a-token")
        assert (connection.platform_type, connection.software, connection.alt_text_limit) == (
            "unknown",
            "misskey",
            None,
        )
        client = client_for(connection)
        assert isinstance(client, UnknownClient)
        assert "misskey 13.2.0" in client.capabilities.reason
        client.close()

    def test_a_server_that_never_answers_is_left_in_time(
        self, server: SandboxHandle, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(identity, "PATIENCE", 0.05)
        server.fault("slow", delay_ms=100, times=None)
        with pytest.raises(actions.ConnectRefused, match="takes too long"):
            connect(make_user(), server)
        monkeypatch.setattr(identity, "QUICK", Timeout(0.05, 0.05, 0.05))
        with pytest.raises(actions.ConnectRefused, match="in time"):
            connect(make_user("bob"), server)

    def test_asking_the_server_takes_at_most_ten_seconds(self) -> None:
        assert identity.PATIENCE + identity.QUICK.total <= 10


class TestRenamedAccounts:
    """Names change hands on servers; an account is its id there."""

    def test_the_connection_of_the_same_id_is_meant_whatever_it_was_called(self, server: SandboxHandle) -> None:
        alice = make_user("alice")
        other = make_connection(alice, server, name="Other", username="old", account_id="99")
        renamed = make_connection(alice, server, name="Renamed", username="before")
        assert connect(alice, server, name="Renamed") == renamed
        renamed.refresh_from_db()
        other.refresh_from_db()
        assert (renamed.username, other.username, other.account_id) == ("demo", "old", "99")

    def test_another_connection_with_the_name_is_to_be_looked_at_first(self, server: SandboxHandle) -> None:
        alice = make_user("alice")
        make_connection(alice, server, name="Stale", account_id="99")  # was called demo once
        renamed = make_connection(alice, server, name="Renamed", username="before")
        with pytest.raises(actions.ConnectRefused, match="“Stale” is known here as @demo"):
            connect(alice, server, name="Renamed")
        with pytest.raises(actions.ConnectRefused, match="“Stale” is known here as @demo"):
            actions.test_connection(renamed, alice)
        assert set(PlatformConnection.objects.values_list("username", flat=True)) == {"demo", "before"}

    def test_a_name_that_the_database_takes_for_the_same_is_refused_in_words(self, server: SandboxHandle) -> None:
        alice = make_user("alice")
        make_connection(alice, server, name="Other", username="DÉMO", account_id="99")
        takes_them_for_one = connection.vendor == "mysql"
        with (
            pytest.raises(actions.ConnectRefused, match="known here as @DÉMO") if takes_them_for_one else nullcontext()
        ):
            connect(alice, server)
        assert PlatformConnection.objects.get(name="Other").account_id == "99"

    def test_an_account_that_was_made_anew_under_its_name_takes_over_nothing(self, server: SandboxHandle) -> None:
        alice = make_user("alice")
        before = make_connection(alice, server, account_id="99", access_token="the-old-one")
        with pytest.raises(actions.ConnectRefused, match=r"“Kepler” is known here as @demo.*is for another account"):
            connect(alice, server)
        stored = PlatformConnection.objects.get()
        assert (stored.pk, stored.account_id, stored.access_token) == (before.pk, "99", "the-old-one")

    def test_a_connection_that_never_knew_its_id_learns_it(self, server: SandboxHandle) -> None:
        alice = make_user("alice")
        before = make_connection(alice, server, account_id="")
        assert connect(alice, server) == before
        before.refresh_from_db()
        assert before.account_id == server.account_id


class TestTesting:
    def test_it_refreshes_what_is_known_of_the_server(self, server: SandboxHandle) -> None:
        alice = make_user()
        stale = {
            "software": "pixelfed",
            "software_version": "0",
            "platform_type": "unknown",
            "alt_text_limit": None,
            "language": "",
        }
        connection = make_connection(alice, server, **stale)
        found = actions.test_connection(connection, alice)
        assert found.account.username == "demo"
        assert found.capabilities.can_write
        assert (connection.software, connection.alt_text_limit, connection.platform_type) == (
            "mastodon",
            1500,
            "mastodon",
        )

    def test_it_settles_only_a_need_for_attention_about_the_credentials(self, server: SandboxHandle) -> None:
        alice = make_user()
        connection = make_connection(alice, server)
        actions.raise_attention(connection, CredentialsRefused("Revoked."))
        actions.test_connection(connection, alice)
        assert connection.attention is None
        actions.raise_attention(connection, PlatformRefused("A post differs."))
        actions.test_connection(connection, alice)
        assert connection.attention == "A post differs."

    def test_a_revoked_token_becomes_a_need_for_attention(self, server: SandboxHandle) -> None:
        alice = make_user()
        connection = make_connection(alice, server)
        server.revoke(server.token)
        with pytest.raises(actions.ConnectRefused, match="does not accept"):
            actions.test_connection(connection, alice)
        assert "does not accept" in (connection.attention or "")
        assert connection.attention_about == AttentionAbout.CREDENTIALS

    def test_a_server_in_trouble_changes_nothing(self, server: SandboxHandle) -> None:
        alice = make_user()
        connection = make_connection(alice, server)
        server.fault(503)
        with pytest.raises(actions.ConnectRefused, match="again later"):
            actions.test_connection(connection, alice)
        assert connection.attention is None

    def test_a_token_of_another_account_is_said(self, server: SandboxHandle) -> None:
        alice = make_user()
        connection = make_connection(alice, server, account_id="42")
        with pytest.raises(actions.ConnectRefused, match="another account"):
            actions.test_connection(connection, alice)
        connection.refresh_from_db()
        assert connection.account_id == "42"

    def test_only_the_owner_and_those_who_see_all_may_test(self, server: SandboxHandle) -> None:
        alice, bob = make_user("alice"), make_user("bob")
        connection = make_connection(alice, server)
        PlatformMember.objects.create(platform_connection=connection, user=bob, role=Role.REVIEWER)
        with pytest.raises(actions.NotAllowed):
            actions.test_connection(connection, bob)
        assert server.requests() == []
        actions.test_connection(connection, make_user("mona", role=Role.MODERATOR))


class TestAttention:
    def test_the_first_reason_stays_until_somebody_clears_it(self) -> None:
        alice = make_user()
        connection = make_connection(alice)
        actions.raise_attention(connection, "A post differs.")
        actions.raise_attention(connection, "Another post differs.")
        actions.raise_attention(connection, CredentialsRefused("Revoked."))
        assert connection.attention == "A post differs."
        assert audited("platform_needs_attention") == [{"reason": "A post differs."}]
        actions.clear_attention(connection, alice)
        actions.clear_attention(connection, alice)
        connection.refresh_from_db()
        assert not connection.attention
        assert len(audited("platform_attention_cleared")) == 1

    def test_a_worse_reason_replaces_one_about_credentials(self) -> None:
        connection = make_connection(make_user())
        actions.raise_attention(connection, CredentialsRefused("Revoked."))
        actions.raise_attention(connection, "A post differs.")
        assert (connection.attention, connection.attention_about) == ("A post differs.", AttentionAbout.OTHER)

    def test_a_reason_that_differs_in_an_accent_alone_is_another_one(self) -> None:
        connection = make_connection(make_user())
        for reason in ("Sign in at cafe.example.", "Sign in at café.example."):
            actions.raise_attention(connection, CredentialsRefused(reason))
        assert connection.attention == "Sign in at café.example."
        actions.raise_attention(connection, CredentialsRefused("Sign in at café.example."))
        assert len(audited("platform_needs_attention")) == 2

    def test_a_connection_that_was_removed_needs_none(self) -> None:
        connection = make_connection(make_user())
        PlatformConnection.objects.all().delete()
        actions.raise_attention(connection, "A post differs.")
        assert audited("platform_needs_attention") == []

    def test_a_stranger_cannot_clear_it(self) -> None:
        connection = make_connection(make_user("alice"))
        actions.raise_attention(connection, "A post differs.")
        with pytest.raises(actions.NotAllowed):
            actions.clear_attention(connection, make_user("bob"))


class TestManaging:
    def test_options_are_stored_and_audited(self) -> None:
        alice = make_user()
        connection = make_connection(alice)
        actions.set_options(connection, alice, include_private=True, include_direct=False, ignore_opt_out=True)
        assert (connection.include_private, connection.include_direct, connection.ignore_opt_out) == (True, False, True)
        assert audited("platform_options_changed")[0]["include_private"] is True

    def test_options_that_differ_in_an_accent_or_a_capital_alone_are_stored(self) -> None:
        alice = make_user()
        connection = make_connection(alice)
        for tags in ("cafe", "café", "Café", "Café"):
            actions.set_options(connection, alice, opt_out_tags=tags)
            assert PlatformConnection.objects.get().opt_out_tags == tags
        assert [row["opt_out_tags"] for row in audited("platform_options_changed")] == ["cafe", "café", "Café"]

    def test_a_connection_can_rest(self) -> None:
        alice = make_user()
        connection = make_connection(alice)
        actions.set_active(connection, alice, active=False)
        actions.set_active(connection, alice, active=False)
        assert not connection.is_active
        assert len(audited("platform_deactivated")) == 1

    def test_a_member_sees_the_connection_until_removed(self) -> None:
        alice, bob = make_user("alice"), make_user("bob")
        connection = make_connection(alice)
        assert not PlatformConnection.objects.visible_to(bob).exists()
        actions.add_member(connection, bob, Role.VIEWER, alice)
        actions.add_member(connection, bob, Role.REVIEWER, alice)
        assert PlatformConnection.objects.visible_to(bob).get() == connection
        assert PlatformConnection.objects.decidable_by(bob).get() == connection
        actions.remove_member(connection, bob, alice)
        actions.remove_member(connection, bob, alice)
        assert not PlatformConnection.objects.visible_to(bob).exists()
        assert len(audited("platform_member_removed")) == 1

    def test_the_owner_is_no_member_and_nobody_becomes_admin_by_it(self) -> None:
        alice, bob = make_user("alice"), make_user("bob")
        connection = make_connection(alice)
        with pytest.raises(actions.MemberRefused):
            actions.add_member(connection, alice, Role.REVIEWER, alice)
        with pytest.raises(actions.MemberRefused):
            actions.add_member(connection, bob, Role.ADMIN, alice)

    def test_a_member_cannot_manage(self) -> None:
        alice, bob, carol = make_user("alice"), make_user("bob"), make_user("carol")
        connection = make_connection(alice)
        actions.add_member(connection, bob, Role.REVIEWER, alice)
        with pytest.raises(actions.NotAllowed):
            actions.add_member(connection, carol, Role.REVIEWER, bob)
        with pytest.raises(actions.NotAllowed):
            actions.remove_member(connection, bob, bob)
        with pytest.raises(actions.NotAllowed):
            actions.set_options(connection, bob, include_private=True, include_direct=True, ignore_opt_out=True)
        with pytest.raises(actions.NotAllowed):
            actions.set_active(connection, bob, active=False)
        with pytest.raises(actions.NotAllowed):
            actions.remove(connection, bob)

    @pytest.mark.parametrize("role", [Role.MODERATOR, Role.ADMIN])
    def test_only_the_owner_opens_an_account_to_more_posts(self, role: Role) -> None:
        connection = make_connection(make_user("alice"), include_direct=False)
        with pytest.raises(actions.NotAllowed, match="Only the owner"):
            actions.set_options(
                connection, make_user("mona", role=role), include_private=True, include_direct=True, ignore_opt_out=True
            )
        connection.refresh_from_db()
        assert [connection.include_private, connection.include_direct, connection.ignore_opt_out] == [False] * 3
        assert audited("platform_options_changed") == []

    def test_a_moderator_neither_removes_a_connection_nor_says_who_its_members_are(self) -> None:
        bob, mona = make_user("bob"), make_user("mona", role=Role.MODERATOR)
        connection = make_connection(make_user("alice"))
        PlatformMember.objects.create(platform_connection=connection, user=bob, role=Role.VIEWER)
        for user in (bob, mona):
            with pytest.raises(actions.NotAllowed, match="owner of a connection and admins"):
                actions.add_member(connection, user, Role.REVIEWER, mona)
            with pytest.raises(actions.NotAllowed):
                actions.remove_member(connection, user, mona)
        with pytest.raises(actions.NotAllowed):
            actions.remove(connection, mona)
        assert PlatformMember.objects.get().role == Role.VIEWER

    def test_an_admin_removes_connections_and_says_who_their_members_are(self) -> None:
        bob, root = make_user("bob"), make_user("root", role=Role.ADMIN)
        connection = make_connection(make_user("alice"))
        actions.add_member(connection, bob, Role.REVIEWER, root)
        actions.remove_member(connection, bob, root)
        actions.remove(connection, root)
        assert not PlatformConnection.objects.exists()

    def test_an_owner_who_became_a_viewer_manages_nothing(self) -> None:
        alice = make_user("alice", role=Role.VIEWER)
        connection = make_connection(alice)
        with pytest.raises(actions.NotAllowed):
            actions.set_options(connection, alice, include_private=True, include_direct=True, ignore_opt_out=True)
        with pytest.raises(actions.NotAllowed):
            actions.remove(connection, alice)

    def test_removal_leaves_an_audit_row_and_another_default(self) -> None:
        alice = make_user()
        first = make_connection(alice, is_default=True)
        second = make_connection(alice, name="Second", username="second")
        make_connection(alice, name="Third", username="third")
        actions.remove(first, alice)
        told = {"name": "Kepler", "account": "@demo@social.example", "revoked": "no client"}
        assert audited("platform_removed") == [told]
        assert PlatformConnection.objects.get(is_default=True) == second

    def test_the_database_keeps_one_default_for_each_user(self) -> None:
        alice = make_user()
        make_connection(alice, is_default=True)
        with pytest.raises(IntegrityError), transaction.atomic():
            make_connection(alice, name="Second", username="second", is_default=True)


class TestClients:
    def test_a_mastodon_connection_gets_a_client_that_writes(self, server: SandboxHandle) -> None:
        client = client_for(make_connection(make_user(), server))
        assert isinstance(client, MastodonClient)
        assert client.capabilities.can_write
        assert client.verify().id == server.account_id
        client.close()

    def test_an_older_mastodon_gets_one_that_does_not(self, server: SandboxHandle) -> None:
        post = server.add_status("Old")
        client = client_for(make_connection(make_user(), server, software_version="4.0.15"))
        before = client.snapshot(post)
        with pytest.raises(PlatformRefused, match=r"4\.0\.15.*by hand"):
            client.write_alt_texts(before, {before.status.attachments[0].id: "A text."})
        assert server.requests("PUT") == []
        client.close()

    def test_a_family_that_the_software_does_not_fit_never_writes(self, server: SandboxHandle) -> None:
        client = client_for(make_connection(make_user(), server, platform_type="pixelfed"))
        assert not client.capabilities.can_write
        client.close()

    @pytest.mark.parametrize("family", ["unknown", "something-newer", ""])
    def test_every_other_family_gets_one_that_never_writes(self, server: SandboxHandle, family: str) -> None:
        client = client_for(make_connection(make_user(), server, platform_type=family))
        assert isinstance(client, UnknownClient)
        assert not client.capabilities.can_write
        client.close()
