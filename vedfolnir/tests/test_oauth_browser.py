"""Connecting by OAuth in a real browser, against the sandbox: there and back, by keyboard, on every screen."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from playwright.sync_api import Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from accounts.tests.people import make_user
from platforms import actions
from platforms.clients.base import CredentialsRefused
from platforms.models import PlatformConnection
from platforms.sandbox.testing import SandboxHandle, running_sandbox
from platforms.tests.cast import host_of
from vedfolnir.tests.browser import assert_accessible, chromium_page

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def allow_the_orm_beside_playwright(monkeypatch: pytest.MonkeyPatch) -> None:
    """Playwright's synchronous interface runs an event loop in this thread; the tests are synchronous all the same."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.fixture
def alice() -> User:
    return make_user("alice")


@pytest.fixture
def sandbox(tmp_path: Path, settings: Settings) -> Iterator[SandboxHandle]:
    with running_sandbox(tmp_path, with_samples=False) as handle:
        settings.OUTBOUND_ALLOW = (host_of(handle.url),)
        yield handle


def sign_in(page: Page, server: LiveServer, user: User) -> None:
    client = Client()
    client.force_login(user)
    page.context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": server.url}])


def test_a_newcomer_connects_an_account(live_server: LiveServer, alice: User, sandbox: SandboxHandle) -> None:
    with chromium_page(live_server.url) as page:
        sign_in(page, live_server, alice)
        page.goto("/platforms/connect/")
        expect(page.get_by_label("Access token")).to_be_hidden()
        page.get_by_label("Server").fill(sandbox.url)
        page.get_by_label("Name").fill("Kepler")
        page.keyboard.press("Enter")

        go_on = page.get_by_role("link", name=f"Continue at {host_of(sandbox.url)}")
        go_on.focus()
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Allow").click()

        expect(page.get_by_text(f"Connected: @demo@{host_of(sandbox.url)}")).to_be_visible()
        assert page.url == f"{live_server.url}/platforms/{PlatformConnection.objects.get().pk}/"
        expect(page.get_by_role("heading", level=1)).to_have_text("Kepler")


def test_a_no_leads_back_to_the_form(live_server: LiveServer, alice: User, sandbox: SandboxHandle) -> None:
    with chromium_page(live_server.url, java_script_enabled=False) as page:
        sign_in(page, live_server, alice)
        page.goto("/platforms/connect/")
        page.get_by_label("Server").fill(sandbox.url)
        page.get_by_label("Name").fill("Kepler")
        page.get_by_role("button", name="Connect").click()
        page.get_by_role("link", name="Continue at").click()
        page.get_by_role("button", name="Deny").click()
        expect(page.get_by_text("You did not allow it. Nothing was connected.")).to_be_visible()
        expect(page.get_by_label("Server")).to_have_value(sandbox.url)


def test_a_token_can_be_pasted(live_server: LiveServer, alice: User, sandbox: SandboxHandle) -> None:
    with chromium_page(live_server.url) as page:
        sign_in(page, live_server, alice)
        page.goto("/platforms/connect/")
        page.get_by_label("Server").fill(sandbox.url)
        page.get_by_label("Name").fill("Kepler")
        page.get_by_text("Paste an access token instead").click()
        page.get_by_label("Access token").fill(sandbox.token)
        page.get_by_role("button", name="Connect").click()
        expect(page.get_by_text("By a pasted token.")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_pages_fit_every_screen_and_axe_finds_nothing(
    live_server: LiveServer, alice: User, sandbox: SandboxHandle, width: int, scheme: str
) -> None:
    with chromium_page(live_server.url, viewport={"width": width, "height": 740}, color_scheme=scheme) as page:
        sign_in(page, live_server, alice)
        page.goto("/platforms/connect/?paste=1")
        look(page, f"connect-{width}-{scheme}")
        page.goto("/platforms/connect/")
        page.get_by_label("Server").fill(sandbox.url)
        page.get_by_label("Name").fill("Kepler")
        page.get_by_role("button", name="Connect").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(f"Go to {host_of(sandbox.url)}")
        look(page, f"authorize-{width}-{scheme}")
        page.get_by_role("link", name="Continue at").click()
        page.get_by_role("button", name="Allow").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Kepler")
        connection = PlatformConnection.objects.get()
        actions.raise_attention(connection, CredentialsRefused("The server does not accept the access token."))
        page.reload()
        look(page, f"detail-{width}-{scheme}")
        page.goto(f"/platforms/{connection.pk}/remove/")
        look(page, f"remove-{width}-{scheme}")


def look(page: Page, name: str) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), name
    assert_accessible(page)
    if folder := os.environ.get("OAUTH_SHOTS"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)
