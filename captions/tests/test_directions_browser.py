"""Texts that run from the right, on the pages where people read them."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from accounts.tests.people import make_user
from captions import actions
from captions.models import CaptionVersion, Image
from captions.tests.rows import make_connection, make_image, make_post
from vedfolnir.tests.browser import assert_accessible, chromium_page

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

HEBREW = "“פתוח” (OPEN) כתוב על שלט ליד הדלת, ומתחתיו שעות הפתיחה של החנות."
ARABIC = "“OPEN 24” مكتوب على لافتة بجانب الباب، وتحتها صورة قطة سوداء."
ENGLISH = "A sign by the door of a shop reads “OPEN 24”."
# The room beside the last line of a text, at the left and at the right of it: a text from the right has more
# of it at the left.
ROOM = """element => {
    const range = document.createRange();
    range.selectNodeContents(element);
    const lines = [...range.getClientRects()].filter(line => line.width > 1);
    const box = element.getBoundingClientRect();
    const last = lines.at(-1);
    const row = lines.filter(line => Math.abs(line.bottom - last.bottom) < 6);
    const left = Math.min(...row.map(line => line.left)), right = Math.max(...row.map(line => line.right));
    return [left - box.left, box.right - right];
}"""


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


def pictures(user: User) -> tuple[Image, Image]:
    """One of a Hebrew post, and one whose draft is in English and Arabic."""
    connection = make_connection(user)
    post = make_post(connection, post_content=f"{HEBREW}\n\nHello.", spoiler_text="חנות", language="he")
    hebrew = make_image(post, draft=HEBREW, language="he")
    text = f"{ENGLISH}\n\n{ARABIC}"
    arabic_post = make_post(connection, post_content="قطة سوداء بجانب الباب.", language="ar")
    both = make_image(arabic_post, draft=text, language="en")
    parts = [{"language": "en", "text": ENGLISH}, {"language": "ar", "text": ARABIC}]
    both.versions.filter(kind=CaptionVersion.Kind.GENERATED).update(parts=parts)
    return hebrew, both


def from_the_right(page: Page, selector: str) -> list[bool]:
    found = []
    for element in page.locator(selector).all():
        left, right = element.evaluate(ROOM)
        found.append(left > right)
    return found


@pytest.mark.parametrize("width", [360, 1280])
def test_texts_from_the_right_run_from_there(live_server: LiveServer, alice: User, width: int) -> None:
    hebrew, both = pictures(alice)
    size: Any = {"width": width, "height": 900}
    with chromium_page(live_server.url, viewport=size) as page:
        sign_in(page, live_server, alice)
        page.goto(live_server.url + reverse("captions:queue"))
        directions = "elements => elements.map(element => getComputedStyle(element).direction)"
        assert page.locator(".queue-text .alt-text").evaluate_all(directions) == ["rtl", "ltr"]
        assert page.locator(".queue-text bdi").evaluate_all(directions) == ["rtl"]

        page.goto(live_server.url + reverse("captions:review", args=[hebrew.pk]))
        page.locator(".review-post summary").click()
        assert from_the_right(page, ".review-post .prose p") == [True, False]  # each as its own letters do

        page.goto(live_server.url + reverse("captions:review", args=[both.pk]))
        assert from_the_right(page, ".review-post .prose p") == [True]
        page.locator(".offers > summary").click()
        assert from_the_right(page, ".offered .passage") == [False, True]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert_accessible(page)

        actions.approve(both, text=f"{ENGLISH}\n\n{ARABIC}", reviewer=alice)
        page.reload()
        assert from_the_right(page, "#alt-text .passage") == [False, True]
