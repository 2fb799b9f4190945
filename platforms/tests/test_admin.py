"""Connections and members in the admin."""

from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import AuditLog
from accounts.roles import Role
from accounts.tests.people import make_user
from platforms import actions
from platforms.models import PlatformConnection, PlatformMember
from platforms.sandbox.testing import SandboxHandle
from platforms.tests.cast import host_of, make_connection

pytestmark = pytest.mark.django_db

LIST = "admin:platforms_platformconnection_changelist"


def signed_in(role: Role) -> Client:
    client = Client()
    client.force_login(make_user(f"the-{role.value}", role=role))
    return client


def act(client: Client, action: str, *connections: PlatformConnection) -> str:
    data: dict[str, Any] = {"action": action, "_selected_action": [connection.pk for connection in connections]}
    response = client.post(reverse(LIST), data)
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


@pytest.mark.parametrize("role", [Role.ADMIN, Role.MODERATOR])
def test_staff_find_connections_by_the_beginning_of_a_name(role: Role) -> None:
    make_connection(make_user("alice"))
    make_connection(make_user("bob"), name="Other", username="other", instance_url="https://other.example")
    client = signed_in(role)
    for search in ("Kep", "dem", "alic", "https://social.example"):
        page = client.get(reverse(LIST), {"q": search}).content.decode()
        assert "Kepler" in page
        assert "https://other.example" not in page


def test_the_list_takes_the_same_queries_however_long_it_is(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(12):
        make_connection(make_user(f"user{number}"), username=f"account{number}")
    client = signed_in(Role.ADMIN)
    with django_assert_max_num_queries(5):
        assert client.get(reverse(LIST)).status_code == 200


@pytest.mark.parametrize("role", [Role.ADMIN, Role.MODERATOR])
def test_nobody_writes_a_connection_by_hand(role: Role) -> None:
    connection = make_connection(make_user("alice"))
    client = signed_in(role)
    address = reverse("admin:platforms_platformconnection_change", args=[connection.pk])
    page = client.get(address)
    assert page.status_code == 200
    assert "a-token" not in page.content.decode()
    assert "access_token" not in page.content.decode()
    assert client.post(address, {"name": "Mine", "access_token": "other"}).status_code == 403
    assert client.get(reverse("admin:platforms_platformconnection_add")).status_code == 403
    delete = reverse("admin:platforms_platformconnection_delete", args=[connection.pk])
    assert client.post(delete, {"post": "yes"}).status_code == 403
    connection.refresh_from_db()
    assert (connection.name, connection.access_token) == ("Kepler", "a-token")


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.VIEWER])
def test_others_do_not_get_in(role: Role) -> None:
    assert signed_in(role).get(reverse(LIST)).status_code in (302, 403)


def test_actions_go_through_the_same_functions(sandbox: SandboxHandle, settings: Settings) -> None:
    settings.OUTBOUND_ALLOW = (host_of(sandbox.url),)
    connection = make_connection(make_user("alice"), sandbox)
    client = signed_in(Role.MODERATOR)
    assert "works" in act(client, "test", connection)
    actions.raise_attention(connection, "A post differs.")
    assert "Done for 1" in act(client, "clear_attention", connection)
    act(client, "let_rest", connection)
    connection.refresh_from_db()
    assert (connection.attention, connection.is_active) == (None, False)
    act(client, "wake", connection)
    sandbox.revoke(sandbox.token)
    assert "does not accept" in act(client, "test", connection)
    recorded = set(AuditLog.objects.filter(entity_type="platformconnection").values_list("action", flat=True))
    assert {"platform_attention_cleared", "platform_deactivated", "platform_activated"} <= recorded


def test_only_a_few_connections_are_tested_at_once(sandbox: SandboxHandle) -> None:
    alice = make_user("alice")
    many = [make_connection(alice, sandbox, name=f"C{number}", username=f"u{number}") for number in range(4)]
    assert "at most 3" in act(signed_in(Role.ADMIN), "test", *many)
    assert sandbox.requests() == []


def test_an_admin_adds_and_removes_members() -> None:
    alice, bob = make_user("alice"), make_user("bob")
    connection = make_connection(alice)
    client = signed_in(Role.ADMIN)
    add = reverse("admin:platforms_platformmember_add")
    refused = client.post(add, {"platform_connection": connection.pk, "user": alice.pk, "role": "reviewer"})
    assert "the owner of the connection" in refused.content.decode()
    client.post(add, {"platform_connection": connection.pk, "user": bob.pk, "role": "admin"})
    assert not PlatformMember.objects.exists()

    client.post(add, {"platform_connection": connection.pk, "user": bob.pk, "role": "reviewer"})
    member = PlatformMember.objects.get()
    client.post(reverse("admin:platforms_platformmember_change", args=[member.pk]), {"role": "viewer"})
    member.refresh_from_db()
    assert (member.user, member.role) == (bob, "viewer")
    client.post(reverse("admin:platforms_platformmember_delete", args=[member.pk]), {"post": "yes"})
    assert not PlatformMember.objects.exists()
    assert AuditLog.objects.filter(action="platform_member_removed").count() == 1


def test_a_moderator_does_not_change_members() -> None:
    assert signed_in(Role.MODERATOR).get(reverse("admin:platforms_platformmember_add")).status_code == 403
