"""The pages under /platforms/: who gets in, what they show, what they never show."""

from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from accounts.roles import Role
from accounts.tests.people import make_user
from platforms import actions
from platforms.models import PlatformConnection, PlatformMember
from platforms.sandbox.testing import SandboxHandle
from platforms.tests.cast import host_of, make_connection

pytestmark = pytest.mark.django_db

CANARY = "tok-CANARY-3f9a"


@pytest.fixture
def alice() -> User:
    return make_user("alice")


@pytest.fixture
def server(sandbox: SandboxHandle, settings: Settings) -> SandboxHandle:
    settings.OUTBOUND_ALLOW = (host_of(sandbox.url),)
    return sandbox


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def url(name: str, *args: int) -> str:
    return reverse(f"platforms:{name}", args=args)


def text_of(response: Any) -> str:
    content: bytes = response.content
    return content.decode()


def said(response: Any) -> str:
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def form(server: SandboxHandle, **changes: str) -> dict[str, str]:
    return {"instance_url": server.url, "token": server.token, "name": "Kepler"} | changes


class TestConnecting:
    def test_the_form_connects_and_shows_the_connection(self, alice: User, server: SandboxHandle) -> None:
        client = signed_in(alice)
        response = client.post(url("connect"), form(server), follow=True)
        connection = PlatformConnection.objects.get(user=alice)
        assert response.redirect_chain == [(url("detail", connection.pk), 302)]
        page = text_of(response)
        assert f"@demo@{host_of(server.url)}" in page
        assert "1500 characters" in page
        assert "Reads and writes" in page
        assert server.token not in page

    def test_a_wrong_token_is_said_beside_its_field_and_never_shown(self, alice: User, server: SandboxHandle) -> None:
        response = signed_in(alice).post(url("connect"), form(server, token=CANARY))
        page = text_of(response)
        assert response.status_code == 422
        assert "does not accept the access token" in response.context["form"].errors["token"][0]
        assert CANARY not in page
        assert server.url in page  # what was typed elsewhere stays

    def test_the_token_field_is_hidden_from_view_and_from_the_browsers_memory(self, alice: User) -> None:
        page = text_of(signed_in(alice).get(url("connect")))
        (field,) = [line for line in page.split("<input") if 'name="token"' in line]
        assert 'type="password"' in field
        assert 'autocomplete="off"' in field

    def test_an_incomplete_form_asks_no_server(self, alice: User, server: SandboxHandle) -> None:
        response = signed_in(alice).post(url("connect"), {"instance_url": server.url})
        assert response.status_code == 422
        assert server.requests() == []

    def test_the_form_can_be_opened_for_a_known_connection(self, alice: User) -> None:
        page = text_of(signed_in(alice).get(url("connect"), {"instance_url": "https://a.example", "name": 'x"><b>'}))
        assert "https://a.example" in page
        assert '"><b>' not in page

    def test_a_viewer_may_not_connect(self, server: SandboxHandle) -> None:
        client = signed_in(make_user("vera", role=Role.VIEWER))
        assert client.get(url("connect")).status_code == 403
        assert client.post(url("connect"), form(server)).status_code == 403
        assert server.requests() == []
        assert url("connect") not in text_of(client.get(url("list")))


class TestAccess:
    def test_visitors_are_sent_to_the_sign_in_page(self, alice: User) -> None:
        connection = make_connection(alice)
        for address in (url("list"), url("connect"), url("detail", connection.pk), url("remove", connection.pk)):
            response = Client().get(address)
            assert response.status_code == 302
            assert response["Location"].startswith(reverse("account_login"))

    @pytest.mark.parametrize("name", ["test", "remove", "options", "clear_attention", "add_member"])
    def test_an_outsider_finds_nothing(self, alice: User, server: SandboxHandle, name: str) -> None:
        connection = make_connection(alice, server)
        outsider = signed_in(make_user("mallory"))
        assert outsider.get(url("detail", connection.pk)).status_code == 404
        assert outsider.get(url("remove", connection.pk)).status_code == 404
        assert outsider.post(url(name, connection.pk), {}).status_code == 404
        assert connection.name not in text_of(outsider.get(url("list")))
        assert server.requests() == []
        assert PlatformConnection.objects.filter(pk=connection.pk).exists()

    @pytest.mark.parametrize("name", ["test", "remove", "options", "clear_attention", "add_member"])
    def test_a_member_looks_and_does_not_touch(self, alice: User, server: SandboxHandle, name: str) -> None:
        connection = make_connection(alice, server)
        bob = make_user("bob")
        actions.add_member(connection, bob, Role.REVIEWER, alice)
        client = signed_in(bob)
        page = text_of(client.get(url("detail", connection.pk)))
        assert connection.address in page
        assert url("test", connection.pk) not in page
        assert client.post(url(name, connection.pk), {}).status_code == 404
        assert server.requests() == []

    @pytest.mark.parametrize("name", ["test", "options", "clear_attention", "add_member"])
    def test_what_changes_something_is_not_reached_by_a_link(self, alice: User, name: str) -> None:
        connection = make_connection(alice)
        assert signed_in(alice).get(url(name, connection.pk)).status_code == 405

    def test_a_moderator_keeps_other_peoples_connections_going(self, alice: User, server: SandboxHandle) -> None:
        connection = make_connection(alice, server)
        actions.add_member(connection, make_user("bob"), Role.VIEWER, alice)
        member = connection.memberships.get()
        client = signed_in(make_user("mona", role=Role.MODERATOR))
        page = text_of(client.get(url("detail", connection.pk)))
        assert url("test", connection.pk) in page
        assert "It works" in said(client.post(url("test", connection.pk)))
        for name in ("remove", "options", "add_member"):
            assert f'"{url(name, connection.pk)}"' not in page
            assert client.post(url(name, connection.pk), {"username": "mona", "role": "reviewer"}).status_code == 404
        assert url("remove_member", connection.pk, member.pk) not in page
        assert client.post(url("remove_member", connection.pk, member.pk)).status_code == 404
        assert connection.memberships.get() == member

    def test_an_admin_does_all_but_choose_the_posts_of_others(self, alice: User) -> None:
        connection = make_connection(alice)
        client = signed_in(make_user("root", role=Role.ADMIN))
        page = text_of(client.get(url("detail", connection.pk)))
        assert url("add_member", connection.pk) in page
        assert url("remove", connection.pk) in page
        assert url("options", connection.pk) not in page
        assert client.post(url("options", connection.pk), {"include_direct": "on"}).status_code == 404
        assert client.post(url("remove", connection.pk)).status_code == 302

    def test_nobody_is_a_member_of_another_connection_by_its_number(self, alice: User) -> None:
        first = make_connection(alice)
        second = make_connection(make_user("bob"), name="Second")
        member = PlatformMember.objects.create(platform_connection=second, user=alice, role=Role.VIEWER)
        assert signed_in(alice).post(url("remove_member", first.pk, member.pk)).status_code == 404
        assert PlatformMember.objects.filter(pk=member.pk).exists()


class TestManaging:
    def test_a_test_says_who_and_what(self, alice: User, server: SandboxHandle) -> None:
        connection = make_connection(alice, server)
        response = signed_in(alice).post(url("test", connection.pk))
        assert f"It works: {connection.address}, on mastodon 4.4.0" in said(response)

    def test_a_test_that_fails_says_why_and_the_page_shows_it(self, alice: User, server: SandboxHandle) -> None:
        connection = make_connection(alice, server)
        server.revoke(server.token)
        response = signed_in(alice).post(url("test", connection.pk), follow=True)
        page = text_of(response)
        assert "Needs attention" in page
        assert "does not accept the access token" in page

    def test_a_need_for_attention_is_settled_by_a_button(self, alice: User) -> None:
        connection = make_connection(alice)
        actions.raise_attention(connection, "A post differs.")
        client = signed_in(alice)
        assert "A post differs." in text_of(client.get(url("detail", connection.pk)))
        client.post(url("clear_attention", connection.pk))
        assert "A post differs." not in text_of(client.get(url("detail", connection.pk)))

    def test_options_are_saved(self, alice: User) -> None:
        connection = make_connection(alice, include_direct=True)
        signed_in(alice).post(url("options", connection.pk), {"include_private": "on", "access_token": CANARY})
        connection.refresh_from_db()
        assert (connection.include_private, connection.include_direct, connection.ignore_opt_out) == (
            True,
            False,
            False,
        )
        assert connection.access_token == "a-token"

    @pytest.mark.parametrize(
        ("typed", "answer"),
        [({"oldest_days": "-1"}, "greater than or equal to 0"), ({"only_tags": "two-words"}, "is no hashtag")],
    )
    def test_options_that_cannot_be_saved_come_back_as_they_were_typed(
        self, alice: User, typed: dict[str, str], answer: str
    ) -> None:
        connection = make_connection(alice)
        sent = {"opt_out_tags": "family", "include_private": "on", **typed}
        response = signed_in(alice).post(url("options", connection.pk), sent)
        assert response.status_code == 422
        page = response.content.decode()
        assert answer in page
        assert 'value="family"' in page
        assert next(iter(typed.values())) in page
        connection.refresh_from_db()
        assert (connection.opt_out_tags, connection.include_private) == ("", False)

    def test_a_software_is_named_as_people_write_it(self, alice: User) -> None:
        connection = make_connection(alice)
        for software, name in (("gotosocial", "GoToSocial"), ("takahe", "Takahē"), ("misskey", "Misskey")):
            PlatformConnection.objects.filter(pk=connection.pk).update(software=software)
            assert name in text_of(signed_in(alice).get(url("detail", connection.pk)))

    def test_removing_asks_first(self, alice: User) -> None:
        connection = make_connection(alice)
        client = signed_in(alice)
        assert "cannot be" in text_of(client.get(url("remove", connection.pk)))
        assert PlatformConnection.objects.filter(pk=connection.pk).exists()
        assert client.post(url("remove", connection.pk)).status_code == 302
        assert not PlatformConnection.objects.filter(pk=connection.pk).exists()

    def test_members_come_and_go(self, alice: User) -> None:
        connection = make_connection(alice)
        make_user("bob")
        client = signed_in(alice)
        client.post(url("add_member", connection.pk), {"username": "Bob", "role": "reviewer"})
        member = connection.memberships.get()
        assert "bob" in text_of(client.get(url("detail", connection.pk)))
        client.post(url("remove_member", connection.pk, member.pk))
        assert not connection.memberships.exists()

    @pytest.mark.parametrize(
        ("username", "role", "words"),
        [
            ("nobody", "reviewer", "Nobody here"),
            ("", "reviewer", "Nobody here"),
            ("alice", "reviewer", "the owner"),
            ("gone", "reviewer", "Nobody here"),
        ],
    )
    def test_an_odd_member_is_refused_in_words(self, alice: User, username: str, role: str, words: str) -> None:
        connection = make_connection(alice)
        make_user("gone", is_active=False)
        response = signed_in(alice).post(url("add_member", connection.pk), {"username": username, "role": role})
        assert words in said(response)
        assert not connection.memberships.exists()

    def test_a_server_that_is_only_read_says_why(self, alice: User) -> None:
        connection = make_connection(alice, platform_type="unknown", software="pixelfed", software_version="0.12")
        client = signed_in(alice)
        assert "runs pixelfed 0.12" in text_of(client.get(url("detail", connection.pk)))
        assert "Reads only" in text_of(client.get(url("list")))


def test_the_list_takes_the_same_queries_however_long_it_is(
    alice: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(12):
        make_connection(make_user(f"user{number}"), username=f"account{number}")
    client = signed_in(make_user("mona", role=Role.MODERATOR))
    with django_assert_max_num_queries(4):
        response = client.get(url("list"))
    assert text_of(response).count("account") >= 12


def test_hostile_names_are_text(alice: User) -> None:
    hostile = "<script>alert(1)</script>"
    connection = make_connection(alice, name=hostile, username=hostile, software=hostile, software_version=hostile)
    actions.raise_attention(connection, hostile)
    client = signed_in(alice)
    for address in (url("list"), url("detail", connection.pk), url("remove", connection.pk)):
        assert "<script>alert" not in text_of(client.get(address))


@pytest.mark.parametrize(
    ("stored", "is_pasted"),
    [
        ({}, True),
        ({"scopes": "read write"}, True),
        ({"client_key": "id", "client_secret": "secret"}, False),  # of the first Vedfolnir: no scopes are known
        ({"client_key": "id", "client_secret": "secret", "scopes": "read write"}, False),
    ],
)
def test_both_pages_say_alike_where_the_access_comes_from(alice: User, stored: dict[str, Any], is_pasted: bool) -> None:
    connection = make_connection(alice, **stored)
    client = signed_in(alice)
    assert ("By a pasted token." in text_of(client.get(url("detail", connection.pk)))) == is_pasted
    assert ("The access token was pasted" in text_of(client.get(url("remove", connection.pk)))) == is_pasted


def test_an_admin_who_removes_anothers_pasted_token_is_told_to_tell_the_owner(alice: User) -> None:
    connection = make_connection(alice)
    admin = Client()
    admin.force_login(make_user("ada", role=Role.ADMIN))
    page = text_of(admin.get(url("remove", connection.pk)))
    assert "until alice removes it on their server" in page
    assert "only you can take it back" not in page
    removed = text_of(admin.post(url("remove", connection.pk), follow=True))
    assert "Only alice can take it back" in removed
