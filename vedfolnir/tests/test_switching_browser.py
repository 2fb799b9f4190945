"""The menu of accounts in a real browser: by keyboard, without scripts, on a telephone, and to a screen reader."""

import pytest
from django.test import Client
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from accounts.tests.people import make_user
from captions.tests.rows import make_connection, make_image, make_post
from vedfolnir.tests.browser import assert_accessible, chromium_page

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

PAGES = ("/", "/review/", "/tasks/", "/publications/", "/platforms/", "/account/")


@pytest.fixture(autouse=True)
def allow_the_orm_beside_playwright(monkeypatch: pytest.MonkeyPatch) -> None:
    """Playwright's synchronous interface runs an event loop in this thread; the tests are synchronous all the same."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.fixture
def alice() -> User:
    alice = make_user("alice")
    for name in ("Harbour", "Museum of very long names " * 3):
        make_image(make_post(make_connection(alice, name.strip(), username=name[:6].lower())))
    return alice


def sign_in(page: Page, server: LiveServer, user: User) -> None:
    client = Client()
    client.force_login(user)
    page.context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": server.url}])


def test_an_account_is_chosen_by_keyboard(live_server: LiveServer, alice: User) -> None:
    with chromium_page(live_server.url) as page:
        sign_in(page, live_server, alice)
        page.goto("/review/?state=awaiting")
        expect(page.locator(".queue-item")).to_have_count(2)
        menu = page.get_by_role("form", name="Which account to show").get_by_label("Posts of")
        menu.focus()
        page.keyboard.type("Harb")
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Switch")).to_be_focused()
        page.keyboard.press("Enter")
        page.wait_for_url("**/review/?state=awaiting")
        expect(page.locator(".queue-item")).to_have_count(1)
        expect(menu.locator("option:checked")).to_have_text("Harbour (@harbou@social.example)")


def test_without_scripts_it_works_too(live_server: LiveServer, alice: User) -> None:
    with chromium_page(live_server.url, java_script_enabled=False) as page:
        sign_in(page, live_server, alice)
        page.goto("/")
        page.get_by_label("Posts of").select_option(label="Harbour (@harbou@social.example)")
        page.get_by_role("button", name="Switch").click()
        expect(page.get_by_text("Only of “Harbour”.")).to_be_visible()
        expect(page.get_by_role("heading", level=2)).to_have_count(1)
        page.get_by_role("link", name="Show all accounts").click()
        expect(page.get_by_role("heading", level=2)).to_have_count(2)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 360, 1280])
def test_it_fits_every_screen_and_axe_finds_nothing(
    live_server: LiveServer, alice: User, width: int, scheme: str
) -> None:
    with chromium_page(live_server.url, viewport={"width": width, "height": 740}, color_scheme=scheme) as page:
        sign_in(page, live_server, alice)
        page.goto("/")
        page.locator("#switch-connection").select_option(index=2)
        page.get_by_role("button", name="Switch").click()
        for path in PAGES:
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), path
            menu = page.locator("#switch-connection").bounding_box()
            assert menu is not None
            assert menu["width"] > 100, path
            assert_accessible(page)
