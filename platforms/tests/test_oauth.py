"""Connecting by OAuth from the pages, on a server like each family."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import AuditLog, User
from accounts.roles import Role
from accounts.tests.people import make_user
from platforms import actions, authorizing
from platforms.clients.base import CredentialsRefused
from platforms.clients.oauth import OAuthClient, challenge
from platforms.models import AttentionAbout, PlatformApp, PlatformConnection, SignIn
from platforms.sandbox.testing import SandboxHandle, running_sandbox
from platforms.tests.cast import host_of
from platforms.tests.oauth_way import Browser, denied, exchanges, said, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.once]

FAMILIES = ("mastodon", "gotosocial", "pixelfed", "takahe", "pleroma", "snac")
LEAST = {
    "mastodon": "read:accounts read:statuses write:statuses",
    "gotosocial": "read:accounts read:statuses write:statuses",
    "pixelfed": "read write",
    "takahe": "read write",
    "pleroma": "read:accounts read:statuses read:media write:statuses write:media",
    "snac": "read:accounts read:statuses write:statuses",
}
Like = Callable[..., SandboxHandle]
each_family = pytest.mark.parametrize("family", FAMILIES)


@pytest.fixture
def alice() -> User:
    return make_user("alice")


@pytest.fixture
def browser(alice: User) -> Browser:
    return Browser(alice)


@pytest.fixture
def like(tmp_path: Path, settings: Settings) -> Iterator[Like]:
    """Starts a sandbox like a family, to which the product may speak."""
    with ExitStack() as stack:

        def started(family: str = "mastodon", version: str | None = None) -> SandboxHandle:
            folder = tmp_path / f"{family}-{version}"
            folder.mkdir()
            sandbox = stack.enter_context(running_sandbox(folder, with_samples=False, like=family, version=version))
            settings.OUTBOUND_ALLOW = (*settings.OUTBOUND_ALLOW, host_of(sandbox.url))
            return sandbox

        yield started


@pytest.fixture
def sandbox(like: Like) -> SandboxHandle:
    return like()


def query(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def with_query(address: str, **changes: str) -> str:
    return f"{address.partition('?')[0]}?{urlencode(query(address) | changes)}"


class TestTheWay:
    @each_family
    def test_every_family_is_connected(self, alice: User, browser: Browser, like: Like, family: str) -> None:
        sandbox = like(family)
        response = browser.connect(sandbox)
        connection = PlatformConnection.objects.get()
        assert f"Connected: {connection.address}" in said(response)
        assert response.redirect_chain == [(reverse("platforms:detail", args=[connection.pk]), 302)]
        assert (connection.user, connection.platform_type, connection.username) == (alice, family, "demo")
        assert sandbox.is_valid(connection.access_token)
        assert connection.scopes == LEAST[family]
        assert connection.attention is None
        assert not SignIn.objects.exists()
        actions.test_connection(connection, alice)

    @each_family
    def test_the_link_asks_for_the_least_and_always_sends_pkce(self, browser: Browser, like: Like, family: str) -> None:
        asked = query(browser.link(like(family)))
        sign_in = SignIn.objects.get()
        assert asked["scope"] == LEAST[family]
        assert asked["code_challenge_method"] == "S256"
        assert asked["code_challenge"] == challenge(sign_in.verifier)
        assert asked["redirect_uri"] == "http://testserver/platforms/oauth/return"
        assert len(asked["state"]) >= 43

    @pytest.mark.parametrize(("family", "version"), [("mastodon", "4.0.2"), ("snac", "2.75")])
    def test_a_server_that_cannot_be_written_gives_leave_to_read_alone(
        self, browser: Browser, like: Like, family: str, version: str
    ) -> None:
        page = browser.begin(like(family, version).url)
        assert query(page.context["link"])["scope"] == "read:accounts read:statuses"
        assert version in text_of(page)
        assert "copy it by hand" in text_of(page)

    def test_the_page_before_the_servers_says_what_will_be_possible(
        self, browser: Browser, sandbox: SandboxHandle
    ) -> None:
        page = browser.begin(sandbox.url)
        text = text_of(page)
        sign_in = SignIn.objects.get()
        assert f"Continue at {host_of(sandbox.url)}" in text
        assert "Mastodon 4." in text
        assert "one edit of each post" in text
        assert "edit your posts, to add the alt texts that were approved" in text
        assert sign_in.verifier not in text
        assert sign_in.client_secret not in text
        assert page.headers["Cache-Control"].startswith("max-age=0, no-cache, no-store")

    def test_people_share_the_app_of_their_server(self, browser: Browser, sandbox: SandboxHandle) -> None:
        first = browser.connected(sandbox)
        second = Browser(make_user("bob")).connected(sandbox)
        assert len(sandbox.registered_apps()) == 1
        assert first.app == second.app == PlatformApp.objects.get()

    def test_on_snac_each_sign_in_has_an_app_of_its_own(self, browser: Browser, like: Like) -> None:
        """There, a token belongs to whoever signed in last through the app."""
        sandbox = like("snac")
        bob = Browser(make_user("bob"))
        ways = [(person, person.link(sandbox)) for person in (browser, bob)]
        back = [
            (person, sandbox.approve(link, name))
            for (person, link), name in zip(ways, ("demo", "observatory"), strict=True)
        ]
        for person, address in back:
            person.come_back(address)
        assert sorted(PlatformConnection.objects.values_list("user__username", "username")) == [
            ("alice", "demo"),
            ("bob", "observatory"),
        ]
        assert not PlatformApp.objects.exists()

    def test_a_pasted_token_replaces_all_of_an_access_and_gives_it_back(
        self, alice: User, browser: Browser, sandbox: SandboxHandle
    ) -> None:
        before = browser.connected(sandbox)
        pasted = actions.connect(alice, name="Kepler", instance_url=sandbox.url, token=sandbox.token)
        assert pasted.pk == before.pk
        assert (pasted.scopes, pasted.client_key, pasted.client_secret, pasted.app) == ("", None, None, None)
        assert not sandbox.is_valid(before.access_token)

    def test_a_viewer_may_not(self, sandbox: SandboxHandle) -> None:
        viewer = Client()
        viewer.force_login(make_user("vera", role=Role.VIEWER))
        response = viewer.get(reverse("platforms:oauth_return"), {"code": "c", "state": "s"})
        assert (response["Location"], response["Referrer-Policy"]) == (reverse("platforms:connect"), "no-referrer")
        assert viewer.get(response["Location"]).status_code == 403
        assert sandbox.requests() == []


class TestState:
    def test_it_is_used_once(self, browser: Browser, sandbox: SandboxHandle) -> None:
        back = sandbox.approve(browser.link(sandbox))
        browser.come_back(back)
        again = browser.come_back(back)
        assert "is connected already" in said(again)
        connection = PlatformConnection.objects.get()
        assert again.redirect_chain[0][0] == reverse("platforms:detail", args=[connection.pk])
        assert exchanges(sandbox) == 1

    def test_of_two_who_come_back_at_once_one_wins(self, browser: Browser, sandbox: SandboxHandle) -> None:
        browser.link(sandbox)
        pk = SignIn.objects.get().pk
        assert [SignIn.objects.take(pk), SignIn.objects.take(pk)] == [True, False]

    @pytest.mark.parametrize("state", ["", "unknown", "ü\x00"])
    def test_an_unknown_one_is_refused(self, browser: Browser, sandbox: SandboxHandle, state: str) -> None:
        back = sandbox.approve(browser.link(sandbox))
        response = browser.come_back(with_query(back, state=state))
        assert "was not begun here" in said(response)
        assert exchanges(sandbox) == 0

    def test_another_session_cannot_use_it(self, alice: User, browser: Browser, sandbox: SandboxHandle) -> None:
        back = sandbox.approve(browser.link(sandbox))
        for stranger in (Browser(make_user("mallory")), Browser(alice)):
            assert "was not begun here" in said(stranger.come_back(back))
            address = reverse("platforms:authorize", args=[SignIn.objects.get().pk])
            assert stranger.client.get(address).status_code == 404
        assert exchanges(sandbox) == 0
        assert "Connected" in said(browser.come_back(back))

    def test_it_lasts_ten_minutes(self, browser: Browser, sandbox: SandboxHandle) -> None:
        back = sandbox.approve(browser.link(sandbox))
        SignIn.objects.update(created_at=timezone.now() - timedelta(minutes=10, seconds=1))
        page = browser.client.get(reverse("platforms:authorize", args=[SignIn.objects.get().pk]), follow=True)
        assert "longer than ten minutes" in said(page)
        response = browser.come_back(back)
        assert "longer than ten minutes" in said(response)
        assert response.context["form"].initial == {"instance_url": sandbox.url, "name": "Kepler"}
        assert exchanges(sandbox) == 0

    def test_several_may_wait_but_not_many(self, browser: Browser, sandbox: SandboxHandle) -> None:
        links = [browser.link(sandbox, name=f"Number {number}") for number in range(authorizing.WAITING + 1)]
        assert SignIn.objects.count() == authorizing.WAITING
        assert "was not begun here" in said(browser.come_back(sandbox.approve(links[0])))
        for link, username in ((links[2], "demo"), (links[1], "observatory")):
            assert "Connected" in said(browser.come_back(sandbox.approve(link, username)))

    def test_somebody_who_is_signed_out_leaves_the_code_behind(self, browser: Browser, sandbox: SandboxHandle) -> None:
        back = sandbox.approve(browser.link(sandbox))
        browser.client.logout()
        response = browser.arrive(back)
        assert response["Location"] == f"{reverse('account_login')}?next=%2Fplatforms%2Fconnect%2F"
        assert response["Referrer-Policy"] == "no-referrer"
        assert exchanges(sandbox) == 0
        assert "You were signed out here meanwhile" in text_of(browser.client.get(response["Location"]))

    def test_an_error_of_ours_leaves_no_code_behind_either(
        self, browser: Browser, sandbox: SandboxHandle, monkeypatch: pytest.MonkeyPatch, caplog: Any
    ) -> None:
        back = sandbox.approve(browser.link(sandbox))

        def broken(*args: Any, **options: Any) -> None:
            raise ValueError("Something of ours is broken")

        monkeypatch.setattr(actions, "store", broken)
        response = browser.arrive(back)
        assert (response["Location"], response["Referrer-Policy"]) == (reverse("platforms:list"), "no-referrer")
        assert "Something of ours is broken" in caplog.text
        assert query(back)["code"] not in caplog.text
        assert "Look whether the account stands in the list" in said(browser.client.get(response["Location"]))

    def test_the_address_is_clean_again_at_once(self, browser: Browser, sandbox: SandboxHandle) -> None:
        response = browser.arrive(sandbox.approve(browser.link(sandbox)))
        assert (response.status_code, urlsplit(response["Location"]).query) == (302, "")
        assert response["Referrer-Policy"] == "no-referrer"

    def test_what_nobody_ended_is_forgotten(self, browser: Browser, sandbox: SandboxHandle) -> None:
        browser.link(sandbox)
        SignIn.objects.update(created_at=timezone.now() - timedelta(hours=1))
        browser.link(sandbox)
        assert SignIn.objects.count() == 1


class TestAnswers:
    @pytest.mark.parametrize("family", ["mastodon", "pixelfed"])
    def test_a_no_is_taken_calmly(self, browser: Browser, like: Like, family: str) -> None:
        sandbox = like(family)
        response = browser.come_back(denied(browser.link(sandbox)))
        (message,) = response.context["messages"]
        assert (message.level_tag, str(message)) == ("info", "You did not allow it. Nothing was connected.")
        assert not PlatformConnection.objects.exists()
        assert exchanges(sandbox) == 0

    @pytest.mark.parametrize(
        ("answer", "expected"),
        [
            ({"error": "server_error"}, "is in trouble"),
            ({"error": "<b>odd</b>"}, "did not give access"),
            ({}, "did not give access"),
            ({"code": ""}, "did not give access"),
            ({"code": "x" * 5000}, "did not give access"),
            ({"code": "x", "iss": "https://evil.example"}, "came from another server"),
        ],
    )
    def test_every_other_answer_is_a_sentence(
        self, browser: Browser, sandbox: SandboxHandle, answer: dict[str, str], expected: str
    ) -> None:
        state = query(browser.link(sandbox))["state"]
        response = browser.come_back(f"/platforms/oauth/return?{urlencode({'state': state, **answer})}")
        assert expected in said(response)
        assert "<b>odd" not in text_of(response)
        assert exchanges(sandbox) == 0
        assert not SignIn.objects.exists()

    def test_the_right_issuer_is_accepted(self, browser: Browser, sandbox: SandboxHandle) -> None:
        back = sandbox.approve(browser.link(sandbox))
        assert "Connected" in said(browser.come_back(f"{back}&iss={sandbox.url}/"))

    @each_family
    def test_a_code_that_is_none_is_refused_or_gives_nothing(self, browser: Browser, like: Like, family: str) -> None:
        state = query(browser.link(like(family)))["state"]
        response = browser.come_back(f"/platforms/oauth/return?code=made-up&state={state}")
        assert not PlatformConnection.objects.exists()
        assert "Connected" not in said(response)
        assert said(response)

    def test_an_app_that_the_server_forgot_is_registered_anew(self, browser: Browser, sandbox: SandboxHandle) -> None:
        back = sandbox.approve(browser.link(sandbox))
        sandbox.forget_app(PlatformApp.objects.get().client_id)
        assert "has forgotten Vedfolnir. Connect once more." in said(browser.come_back(back))
        assert not PlatformApp.objects.exists()
        assert "Connected" in said(browser.connect(sandbox))

    def test_fewer_permissions_connect_and_are_named(
        self, alice: User, browser: Browser, sandbox: SandboxHandle
    ) -> None:
        link = with_query(browser.link(sandbox), scope="read:accounts read:statuses")
        response = browser.come_back(sandbox.approve(link))
        connection = PlatformConnection.objects.get()
        assert connection.scopes == "read:accounts read:statuses"
        assert connection.attention_about == AttentionAbout.CREDENTIALS
        assert "“write:statuses”" in text_of(response)
        assert "Sign in again" in text_of(response)
        tested = browser.client.post(reverse("platforms:test", args=[connection.pk]), follow=True)
        assert "It works" not in said(tested)
        assert "somebody must look" in said(tested)

        actions.test_connection(connection, alice)  # reading works, and that settles nothing
        assert "write:statuses" in (connection.attention or "")

        browser.sign_in_again(connection, sandbox)
        connection.refresh_from_db()
        assert (connection.attention, connection.scopes) == (None, LEAST["mastodon"])


class TestApps:
    def test_one_that_nobody_used_for_a_day_is_registered_anew(self, browser: Browser, like: Like) -> None:
        sandbox = like("mastodon", "4.2.0")
        browser.link(sandbox)
        old = PlatformApp.objects.get()
        PlatformApp.objects.update(created_at=timezone.now() - timedelta(days=1, seconds=1))
        browser.connect(sandbox)
        assert PlatformApp.objects.get().client_id != old.client_id

    def test_one_that_is_in_use_stays(self, browser: Browser, sandbox: SandboxHandle) -> None:
        browser.connect(sandbox)
        PlatformApp.objects.update(created_at=timezone.now() - timedelta(days=400))
        Browser(make_user("bob")).link(sandbox)
        assert len(sandbox.registered_apps()) == 1

    def test_one_with_too_few_permissions_is_registered_anew(self, browser: Browser, sandbox: SandboxHandle) -> None:
        browser.connect(sandbox)
        PlatformApp.objects.update(scopes="read:accounts")
        response = Browser(make_user("bob")).connect(sandbox)
        assert "Connected" in said(response)
        assert len(sandbox.registered_apps()) == 2

    def test_who_is_slower_takes_the_app_of_the_quicker_one(self, browser: Browser, sandbox: SandboxHandle) -> None:
        browser.link(sandbox)
        first = PlatformApp.objects.get()
        mine = OAuthClient("mine", "secret")
        found = authorizing._stored_app(first.instance_url, first.redirect_uri, mine, "read", instead_of=None)
        assert (found, found.client_secret) == (first, first.client_secret)

    def test_each_address_of_ours_has_its_own(self, browser: Browser, sandbox: SandboxHandle, settings: Any) -> None:
        settings.ALLOWED_HOSTS = ["testserver", "other.example"]
        browser.link(sandbox)
        wish = {"instance_url": sandbox.url, "name": "Other"}
        browser.client.post(reverse("platforms:connect"), wish, headers={"host": "other.example"})
        assert set(PlatformApp.objects.values_list("redirect_uri", flat=True)) == {
            "http://testserver/platforms/oauth/return",
            "http://other.example/platforms/oauth/return",
        }


class TestKnownAccounts:
    def test_a_new_connection_asks_for_the_account_and_a_known_one_does_not(
        self, browser: Browser, sandbox: SandboxHandle
    ) -> None:
        assert query(browser.link(sandbox))["force_login"] == "true"
        connection = browser.connected(sandbox)
        assert "force_login" not in query(browser.begin_again(connection).context["link"])

    def test_an_account_that_is_connected_already_keeps_its_name_and_that_is_said(
        self, browser: Browser, sandbox: SandboxHandle
    ) -> None:
        browser.connect(sandbox)
        assert "Connected already, as “Kepler”" in said(browser.connect(sandbox, name="Second"))
        assert PlatformConnection.objects.get().name == "Kepler"

    def test_one_that_was_let_rest_still_rests_and_that_is_said(
        self, alice: User, browser: Browser, sandbox: SandboxHandle
    ) -> None:
        connection = browser.connected(sandbox)
        actions.set_active(connection, alice, active=False)
        assert "still rests" in said(browser.sign_in_again(connection, sandbox))
        connection.refresh_from_db()
        assert not connection.is_active

    def test_a_second_account_of_the_server_is_a_connection_of_its_own(
        self, browser: Browser, sandbox: SandboxHandle
    ) -> None:
        browser.connect(sandbox)
        assert "Connected: @observatory" in said(browser.connect(sandbox, "observatory", "Second"))
        assert PlatformConnection.objects.count() == 2

    def test_an_access_that_allows_less_does_not_replace_one_that_allows_all(
        self, browser: Browser, sandbox: SandboxHandle
    ) -> None:
        before = browser.connected(sandbox)
        link = with_query(browser.link(sandbox, name="Second"), scope="read:accounts read:statuses")
        response = browser.come_back(sandbox.approve(link))
        assert "“Kepler” had is kept" in said(response)
        assert "“write:statuses”" in said(response)
        after = PlatformConnection.objects.get()
        assert (after.access_token, after.scopes, after.attention) == (before.access_token, before.scopes, None)
        assert sandbox.is_valid(after.access_token)
        (app,) = sandbox.registered_apps()
        assert sorted(token.is_valid for token in sandbox.tokens_of(app.client_id)) == [False, True]

    def test_an_access_that_was_taken_back_is_spoken_of_as_one_that_was_signed_in_for(
        self, alice: User, browser: Browser, sandbox: SandboxHandle
    ) -> None:
        connection = browser.connected(sandbox)
        sandbox.revoke(connection.access_token)
        with pytest.raises(actions.ConnectRefused, match=r"access any more .* Press “Sign in again”"):
            actions.test_connection(connection, alice)
        assert "Make a new one" not in (PlatformConnection.objects.get().attention or "")

    @pytest.mark.parametrize(
        ("family", "words"),
        [
            ("pixelfed", "from here, this software does not let us"),
            ("snac", "takes no notice of what is asked for"),
            ("mastodon", "direct messages"),
        ],
    )
    def test_the_page_before_the_server_promises_what_is_true_there(
        self, browser: Browser, like: Like, family: str, words: str
    ) -> None:
        assert words in text_of(browser.begin(like(family).url))


class TestAgain:
    @each_family
    def test_the_new_access_replaces_the_old_one(self, browser: Browser, like: Like, family: str) -> None:
        sandbox = like(family)
        before = browser.connected(sandbox)
        actions.raise_attention(before, CredentialsRefused("The token was revoked."))
        assert "Sign in again" in text_of(browser.client.get(reverse("platforms:detail", args=[before.pk])))
        browser.sign_in_again(before, sandbox)
        after = PlatformConnection.objects.get()
        assert after.pk == before.pk
        assert after.attention is None
        assert after.access_token != before.access_token
        assert sandbox.is_valid(after.access_token)
        assert sandbox.is_valid(before.access_token) == (family == "pixelfed")  # it has no way to revoke

    def test_another_account_is_refused_by_name_and_given_back(self, browser: Browser, sandbox: SandboxHandle) -> None:
        connection = browser.connected(sandbox)
        response = browser.sign_in_again(connection, sandbox, "observatory")
        host = host_of(sandbox.url)
        assert f"for @demo@{host}, but you signed in as @observatory@{host}" in said(response)
        assert response.redirect_chain[0][0] == reverse("platforms:detail", args=[connection.pk])
        connection.refresh_from_db()
        assert connection.username == "demo"
        assert sandbox.is_valid(connection.access_token)
        (app,) = sandbox.registered_apps()
        assert [token.is_valid for token in sandbox.tokens_of(app.client_id)] == [True, False]

    def test_only_the_owner_signs_in_again(self, browser: Browser, sandbox: SandboxHandle) -> None:
        connection = browser.connected(sandbox)
        moderator = Browser(make_user("mona", role=Role.MODERATOR))
        assert moderator.begin_again(connection).status_code == 404

    def test_a_server_that_is_down_is_a_message(self, browser: Browser, sandbox: SandboxHandle) -> None:
        connection = browser.connected(sandbox)
        sandbox.fault(500, path_prefix="/", times=20)
        assert "is in trouble" in said(browser.begin_again(connection))


class TestRemoving:
    @each_family
    def test_the_access_is_given_back(self, browser: Browser, like: Like, family: str) -> None:
        sandbox = like(family)
        connection = browser.connected(sandbox)
        other = Browser(make_user("bob")).connected(sandbox, "observatory")
        address = reverse("platforms:remove", args=[connection.pk])
        assert "is told to take back" in text_of(browser.client.get(address))
        response = browser.client.post(address, follow=True)
        assert sandbox.is_valid(connection.access_token) == (family == "pixelfed")
        expected = "has not taken back" if family == "pixelfed" else "has taken back the access, too"
        assert expected in said(response)
        assert sandbox.is_valid(other.access_token)
        actions.test_connection(other, other.user)
        assert AuditLog.objects.get(action="platform_removed").details["revoked"] != "no client"  # type: ignore[index]

    def test_a_server_that_does_not_answer_keeps_nobody(self, browser: Browser, sandbox: SandboxHandle) -> None:
        connection = browser.connected(sandbox)
        sandbox.fault("reset", path_prefix="/oauth/revoke")
        response = browser.client.post(reverse("platforms:remove", args=[connection.pk]), follow=True)
        assert "remove it there by yourself. You find it under Preferences" in said(response)
        assert not PlatformConnection.objects.exists()

    def test_a_token_that_another_connection_has_as_well_stays(self, browser: Browser, sandbox: SandboxHandle) -> None:
        """Mastodon gives the same token once more to the same app for the same account."""
        connection = browser.connected(sandbox)
        twin = Browser(make_user("bob")).connected(sandbox)
        twin.access_token = connection.access_token
        twin.save()
        response = browser.client.post(reverse("platforms:remove", args=[connection.pk]), follow=True)
        assert "Another connection here has the same access" in said(response)
        assert sandbox.is_valid(connection.access_token)

    def test_a_pasted_token_is_only_forgotten(self, alice: User, browser: Browser, sandbox: SandboxHandle) -> None:
        connection = actions.connect(alice, name="Kepler", instance_url=sandbox.url, token=sandbox.token)
        address = reverse("platforms:remove", args=[connection.pk])
        assert "so only you can take it back" in text_of(browser.client.get(address))
        assert "is still valid" in said(browser.client.post(address, follow=True))
        assert sandbox.is_valid(sandbox.token)
