"""The page of how a connection writes, in a browser: accessible, within narrow screens, and without JavaScript."""

import pytest
from django.test import Client
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from accounts.tests.people import make_user
from captions.models import GlossaryEntry, StyleGuide
from captions.tests.rows import make_connection
from platforms.models import PlatformConnection
from vedfolnir.tests.browser import assert_accessible, chromium_page

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
WIDTHS = (360, 1280)


@pytest.fixture
def owner() -> User:
    return make_user("owner")


@pytest.fixture
def connection(owner: User) -> PlatformConnection:
    connection = make_connection(owner)
    StyleGuide.objects.create(platform_connection=connection, language="de", also_in="en", tone="plain and friendly")
    person, agreed = GlossaryEntry.Kind.PERSON, {"has_consent": True, "looks_like": "red coat, grey braid"}
    GlossaryEntry.objects.create(platform_connection=connection, term="Ada Marie Hansen", kind=person, **agreed)
    GlossaryEntry.objects.create(platform_connection=connection, term="Bo", kind=person)
    GlossaryEntry.objects.create(
        platform_connection=connection, term="Rex", looks_like="brown dog, one white ear", instead_of="the hound"
    )
    return connection


@pytest.fixture(autouse=True)
def allow_the_orm_beside_playwright(monkeypatch: pytest.MonkeyPatch) -> None:
    """Playwright's synchronous interface runs an event loop in this thread; the tests are synchronous all the same."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


def sign_in(page: Page, server: LiveServer, user: User) -> None:
    client = Client()
    client.force_login(user)
    page.context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": server.url}])


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_are_accessible_and_fit(
    width: int, scheme: str, live_server: LiveServer, connection: PlatformConnection
) -> None:
    entry = connection.glossary.get(term="Rex")
    viewport = {"width": width, "height": 800}
    with chromium_page(live_server.url, viewport=viewport, color_scheme=scheme) as page:
        sign_in(page, live_server, connection.user)
        for path in (f"/style/{connection.pk}/", f"/style/{connection.pk}/terms/{entry.pk}/"):
            page.goto(path)
            assert_accessible(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_it_works_without_javascript(live_server: LiveServer, connection: PlatformConnection) -> None:
    with chromium_page(live_server.url, java_script_enabled=False) as page:
        sign_in(page, live_server, connection.user)
        page.goto(f"/platforms/{connection.pk}/")
        page.click("text=Style guide and glossary")
        page.fill("[name=language]", "French")
        page.click("section[aria-labelledby=guide] button[type=submit]")
        page.fill("[name=term]", "Max")
        page.click("section[aria-labelledby=glossary] button:text-is('Add')")
        page.click("[aria-label='Remove Rex']")
        page.click("[aria-label='Change Bo']")
        page.check("[name=has_consent]")
        page.click("text=Save")
        page.wait_for_url(f"**/style/{connection.pk}/")
    assert StyleGuide.objects.get().language == "fr"
    known = dict(connection.glossary.order_by("term").values_list("term", "has_consent"))
    assert known == {"Ada Marie Hansen": True, "Bo": True, "Max": False}
