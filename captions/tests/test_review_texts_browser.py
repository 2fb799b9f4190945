"""Other texts on the review page: taken without a reload, waited for while one types, fit to read."""

from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from PIL import Image as Pictures
from playwright.sync_api import Dialog, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from accounts.tests.people import make_user
from captions import actions, drafts
from captions.drafts import Draft
from captions.models import Image
from captions.tests.rows import DRAFT, make_connection, make_image, make_post
from vedfolnir.tests.browser import assert_accessible, chromium_page

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
LOOKS: dict[str, Any] = {"perceptual_hash": "f0e1d2c3b4a59687", "content_hash": "ab" * 32}


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


def draft(text: str) -> Draft:
    return Draft(text=text, engine="ollama", model="a-model", language="en", score=84)


def answered(image: Image, *texts: str) -> None:
    """A worker answers the request: by a new draft, or with several texts by candidates."""
    claimed = drafts.claim(image.pk, timedelta(minutes=1))
    assert claimed is not None
    if len(texts) == 1:
        assert drafts.record_draft(image.pk, claimed.attempts, draft(texts[0]))
    else:
        assert drafts.record_candidates(image.pk, claimed.attempts, [draft(text) for text in texts])


def full_page(user: User, media: Path) -> Image:
    """A picture with everything beside its text: drafts side by side, one that looks alike, and a history."""
    connection = make_connection(user)
    connection.language = "de"
    connection.save()
    file = BytesIO()
    Pictures.linear_gradient("L").resize((640, 480)).save(file, "JPEG")
    (media / "one.jpg").write_bytes(file.getvalue())
    known: dict[str, Any] = {"local_path": "one.jpg", "width": 640, "height": 480}
    other = make_image(make_post(connection), **LOOKS, **known)
    actions.approve(other, text="The lighthouse of Alnes in a storm, seen from the pier.", reviewer=user)
    image = make_image(
        make_post(connection), **LOOKS, **known, image_category="drawing", attachment_type="gifv", visible_text="ALNES"
    )
    actions.ask_again_for_draft(image, user=user, instruction="shorter")
    answered(image, "A red lighthouse on a rock, two boats in front of it.")
    actions.ask_again_for_draft(image, user=user, candidates=2)
    answered(image, "A white lighthouse on a rock and three boats.", "A red lighthouse on a pier; two boats pass it.")
    Image.objects.filter(pk=image.pk).update(proposed_decorative=True)
    return image


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_all_of_it_fits_every_screen_and_axe_finds_nothing(
    live_server: LiveServer, alice: User, settings: Settings, tmp_path: Path, width: int, scheme: str
) -> None:
    settings.MEDIA_ROOT = tmp_path
    image = full_page(alice, tmp_path)
    with chromium_page(live_server.url, viewport={"width": width, "height": 900}, color_scheme=scheme) as page:
        sign_in(page, live_server, alice)
        page.goto(f"/review/{image.pk}/")
        page.evaluate("document.querySelectorAll('main details').forEach((one) => { one.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert_accessible(page)


def test_a_text_is_taken_without_losing_what_was_typed(live_server: LiveServer, alice: User) -> None:
    image = make_image(make_post(make_connection(alice)))
    actions.ask_again_for_draft(image, user=alice, candidates=2)
    answered(image, "A red lighthouse.", "A white lighthouse.")
    with chromium_page(live_server.url) as page:
        sign_in(page, live_server, alice)
        page.goto(f"/review/{image.pk}/")
        text = page.locator("#text")
        text.fill("What I typed so far.")
        page.get_by_role("link", name="Use this text").nth(1).click()
        expect(text).to_have_value("A white lighthouse.")
        page.keyboard.press("Control+z")
        expect(text).to_have_value("What I typed so far.")
        page.keyboard.press("Control+Shift+z")
        page.get_by_role("button", name="Approve").click()
        expect(page.get_by_text("Nothing is left to review.")).to_be_visible()
    assert Image.objects.get().final_caption == "A white lighthouse."


def test_the_new_draft_appears_while_one_types_and_the_typed_text_can_be_approved(
    live_server: LiveServer, alice: User
) -> None:
    image = make_image(make_post(make_connection(alice)))
    with chromium_page(live_server.url) as page:
        sign_in(page, live_server, alice)
        page.goto(f"/review/{image.pk}/")
        page.keyboard.press("d")
        expect(page.locator("#instruction")).to_be_focused()
        page.keyboard.type("name the boats")
        page.keyboard.press("Control+Enter")
        expect(page.get_by_text("A new draft is being made.")).to_be_visible()
        page.locator("#text").fill("My own text of the lighthouse.")
        answered(image, "Two boats, Ida and Svea.")
        expect(page.get_by_text("The new draft is there:")).to_be_visible()
        expect(page.get_by_text("Two boats, Ida and Svea.")).to_be_visible()
        expect(page.locator("#text")).to_have_value("My own text of the lighthouse.")
        page.get_by_role("button", name="Approve").click()
        expect(page.get_by_text("Nothing is left to review.")).to_be_visible()
    assert Image.objects.get().final_caption == "My own text of the lighthouse."


def test_without_scripts_drafts_are_asked_for_and_texts_are_taken_too(live_server: LiveServer, alice: User) -> None:
    image = make_image(make_post(make_connection(alice)))
    with chromium_page(live_server.url, java_script_enabled=False) as page:
        sign_in(page, live_server, alice)
        page.goto(f"/review/{image.pk}/")
        page.locator("#text").fill("My own text.")
        page.get_by_text("New draft…").click()
        page.get_by_role("button", name="Shorter").click()
        expect(page).to_have_url(f"{live_server.url}/review/{image.pk}/")
        expect(page.locator("#text")).to_have_value("My own text.")
        answered(image, "A lighthouse.")
        page.reload()
        expect(page.locator("#text")).to_have_value("My own text.")
        expect(page.get_by_text("The new draft is there: see the texts below.")).to_be_visible()
        Image.objects.get(regenerate_asked_at=None)
        page.goto(f"/review/{image.pk}/redraft")
        expect(page).to_have_url(f"{live_server.url}/review/{image.pk}/")
        page.get_by_role("button", name="Take them away").click()
        expect(page.locator("#text")).to_have_value("A lighthouse.")
        page.get_by_role("link", name="Use this text").click()
        expect(page.locator("#text")).to_have_value(DRAFT)
        page.get_by_role("button", name="Decorative: no alt text").click()
        expect(page.get_by_text("Nothing is left to review.")).to_be_visible()
    assert Image.objects.get().is_decorative


def asked(page: Page, *, answers: bool = False) -> list[str]:
    """The questions that the page asks from now on, each answered like this."""
    questions = list[str]()

    def answer(dialog: Dialog) -> None:
        questions.append(dialog.type)
        if answers:
            dialog.accept()
        else:
            dialog.dismiss()

    page.on("dialog", answer)
    return questions


def test_words_typed_around_a_new_draft_are_not_left_without_a_question(live_server: LiveServer, alice: User) -> None:
    image = make_image(make_post(make_connection(alice)))
    with chromium_page(live_server.url) as page:
        sign_in(page, live_server, alice)
        page.goto(f"/review/{image.pk}/")
        questions = asked(page)
        page.locator("#text").fill("My own text.")
        page.locator("details.redraft summary").click()
        page.get_by_role("button", name="Shorter").click()
        expect(page.get_by_text("A new draft is being made.")).to_be_visible()
        answered(image, "Two boats.")
        page.get_by_role("link", name="Load the page again").click()
        page.get_by_role("link", name="All pictures").click()
        page.wait_for_function("document.title")
        assert questions == ["beforeunload"] * 2
        expect(page.locator("#text")).to_have_value("My own text.")


@pytest.mark.parametrize("way", ["Skip", "Decorative: no alt text", "Reject"])
def test_deciding_otherwise_asks_before_typed_words_are_dropped(live_server: LiveServer, alice: User, way: str) -> None:
    image = make_image(make_post(make_connection(alice)))
    with chromium_page(live_server.url) as page:
        sign_in(page, live_server, alice)
        page.goto(f"/review/{image.pk}/")
        questions = asked(page)
        page.locator("#text").fill("My own text.")
        page.get_by_text("Reject…").click()
        page.locator("input[name=reason]").fill("no")
        page.get_by_role("button", name=way, exact=True).click()
        expect(page.locator("#text")).to_have_value("My own text.")
        assert questions == ["confirm"]
    assert Image.objects.get().is_decidable


def test_words_come_back_after_signing_in_again_and_go_when_saved(live_server: LiveServer, alice: User) -> None:
    image = make_image(make_post(make_connection(alice)))
    with chromium_page(live_server.url) as page:
        sign_in(page, live_server, alice)
        page.goto(f"/review/{image.pk}/")
        page.locator("#text").fill("My own text.")
        page.context.clear_cookies(name="sessionid")
        asked(page, answers=True)
        page.goto("/review/")
        sign_in(page, live_server, alice)
        page.goto(f"/review/{image.pk}/approve")
        expect(page.locator("#text")).to_have_value("My own text.")
        expect(page.get_by_text("Your unsaved words are back.")).to_be_visible()
        page.get_by_role("button", name="Take them away").click()
        expect(page.locator("#text")).to_have_value(DRAFT)
        expect(page.get_by_text("Your unsaved words are back.")).to_be_hidden()
        page.locator("#text").fill("My own words, saved.")
        page.get_by_role("button", name="Approve").click()
        expect(page.get_by_text("Nothing is left to review.")).to_be_visible()
        actions.reopen(Image.objects.get(), user=alice)
        Image.objects.update(final_caption="Somebody else's.", reviewed_caption="Somebody else's.")
        page.goto(f"/review/{image.pk}/")
        expect(page.get_by_text("Your unsaved words are back.")).to_be_hidden()
