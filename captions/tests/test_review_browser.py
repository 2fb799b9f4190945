"""The review page in a real browser: keys, the live count, narrow screens, and nothing that the CSP complains about."""

import pytest
from django.test import Client
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from accounts.tests.people import make_user
from captions.models import Image
from captions.tests.rows import make_connection, make_image, make_post
from vedfolnir.tests.browser import chromium_page

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def allow_the_orm_beside_playwright(monkeypatch: pytest.MonkeyPatch) -> None:
    """Playwright's synchronous interface runs an event loop in this thread; the tests are synchronous all the same."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.fixture
def alice() -> User:
    return make_user("alice")


def sign_in(page: Page, server: LiveServer, user: User) -> None:
    client = Client()
    client.force_login(user)
    page.context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": server.url}])


def statuses() -> list[str]:
    return list(Image.objects.order_by("pk").values_list("status", flat=True))


def test_a_reviewer_decides_by_keyboard_alone(live_server: LiveServer, alice: User) -> None:
    connection = make_connection(alice, alt_text_limit=60)
    images = [make_image(make_post(connection)) for _number in range(4)]
    with chromium_page(live_server.url) as page:
        sign_in(page, live_server, alice)
        page.goto(f"/review/{images[0].pk}/")
        count = page.locator("[data-count]")

        page.keyboard.press("e")
        expect(page.locator("#text")).to_be_focused()
        page.locator("#text").fill("Two gulls 🐦 on a pier.\r\n")
        expect(count).to_have_text("22")
        page.locator("#text").fill("x" * 61)
        expect(page.get_by_text("Over the limit of the server.")).to_be_attached()
        page.locator("#text").fill("Two gulls on a pier, one asleep.")
        page.keyboard.press("Control+Enter")
        page.wait_for_url(f"**/review/{images[1].pk}/")
        expect(page.get_by_text("3 are left.")).to_be_visible()

        page.keyboard.press("s")
        page.wait_for_url(f"**/review/{images[2].pk}/")
        page.keyboard.press("r")
        page.keyboard.type("Purely decorative")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/review/{images[3].pk}/")

        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
        page.get_by_label("Single letters work").uncheck()
        page.keyboard.press("Escape")
        page.keyboard.press("a")
        expect(page).to_have_url(f"{live_server.url}/review/{images[3].pk}/")
        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name="Keyboard")).to_be_hidden()
        page.get_by_role("button", name="Keyboard").click()
        page.get_by_label("Single letters work").check()
        page.get_by_role("button", name="Close").click()
        page.keyboard.press("a")
        page.wait_for_url(f"**/review/{images[1].pk}/")
    assert statuses() == ["approved", "pending", "rejected", "approved"]
    assert Image.objects.get(pk=images[0].pk).final_caption == "Two gulls on a pier, one asleep."


def keys_are_ready(page: Page) -> None:
    """The script has run: it shows the button that lists the keys."""
    expect(page.get_by_role("button", name="Keyboard")).to_be_visible()


def test_pictures_in_error_are_described_by_keyboard_too(live_server: LiveServer, alice: User) -> None:
    connection = make_connection(alice)
    for _number in range(2):
        make_image(make_post(connection), draft=None, status="error", processing_error="The file answers 404.")
    make_image(make_post(connection))
    with chromium_page(live_server.url) as page:
        sign_in(page, live_server, alice)
        page.goto("/review/")
        page.get_by_role("link", name="Errors").click()
        page.get_by_role("link", name="Describe the first by hand").click()
        expect(page.get_by_text("The file answers 404.")).to_be_visible()
        keys_are_ready(page)
        page.keyboard.press("e")
        expect(page.locator("#text")).to_be_focused()
        page.keyboard.type("Two gulls on a pier.")
        page.keyboard.press("Control+Enter")
        expect(page.get_by_text("1 is left.")).to_be_visible()
        keys_are_ready(page)
        page.keyboard.press("r")
        page.keyboard.type("Purely decorative")
        page.keyboard.press("Enter")
        expect(page.get_by_text("No picture is left in error.")).to_be_visible()
    assert statuses() == ["rejected", "approved", "pending"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 360, 1280])
def test_nothing_runs_out_of_the_screen(live_server: LiveServer, alice: User, width: int, scheme: str) -> None:
    connection = make_connection(alice, "H" * 60, instance_url="https://" + "a-very-long-name." * 6 + "example")
    image = make_image(make_post(connection, post_content="Wort" * 80), draft="Wort" * 60)
    failed = make_image(make_post(connection), draft=None, status="error", processing_error="https://" + "x" * 300)
    with chromium_page(live_server.url, viewport={"width": width, "height": 740}, color_scheme=scheme) as page:
        sign_in(page, live_server, alice)
        for path in ("/review/", "/review/?state=error", f"/review/{image.pk}/", f"/review/{failed.pk}/"):
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), path


def test_without_scripts_the_page_decides_too(live_server: LiveServer, alice: User) -> None:
    image = make_image(make_post(make_connection(alice)))
    with chromium_page(live_server.url, java_script_enabled=False) as page:
        sign_in(page, live_server, alice)
        page.goto(f"/review/{image.pk}/")
        page.get_by_role("button", name="Approve").click()
        expect(page.get_by_text("Nothing is left to review.")).to_be_visible()
    assert statuses() == ["approved"]


def test_the_menu_opens_on_a_small_screen(live_server: LiveServer, alice: User) -> None:
    with chromium_page(live_server.url, viewport={"width": 360, "height": 740}) as page:
        sign_in(page, live_server, alice)
        page.goto("/review/")
        review = page.get_by_role("navigation", name="Main").get_by_role("link", name="Review")
        expect(review).to_be_hidden()
        page.get_by_role("button", name="Menu").click()
        expect(review).to_be_visible()
        expect(review).to_have_attribute("aria-current", "true")
