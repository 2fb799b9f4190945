"""Prompts in the admin: versions, words that are refused, and trying one on pictures."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from pytest_django import Settings
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from accounts.models import User
from accounts.roles import Role
from accounts.tests.people import make_user
from captions import prompting
from captions.models import CaptionVersion, Image, PromptTemplate
from captions.tests.rows import make_connection, make_image, make_post
from processing import engine_slots
from processing.tests.pictures import card, encoded

pytestmark = pytest.mark.django_db

LIST = "admin:captions_prompttemplate_changelist"


@pytest.fixture
def staff() -> User:
    return make_user("staff", role=Role.MODERATOR)


@pytest.fixture
def client(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client


def make_prompt(text: str = "Describe it.", **values: Any) -> PromptTemplate:
    return PromptTemplate.objects.create(name="house", text=text, **values)


def make_picture(**values: Any) -> Image:
    """A described picture whose file is here."""
    folder = Path(settings.MEDIA_ROOT)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "preview.jpg").write_bytes(encoded(card("HELLO"), "JPEG"))
    owner = User.objects.filter(username="owner").first() or make_user("owner")
    connection = owner.connections.first() or make_connection(owner)
    return make_image(make_post(connection, post_content="A day out."), **{"local_path": "preview.jpg"} | values)


def change(client: Client, prompt: PromptTemplate, **values: str) -> Any:
    form = {"name": prompt.name, "category": prompt.category, "language": prompt.language, "text": prompt.text}
    return client.post(reverse("admin:captions_prompttemplate_change", args=[prompt.pk]), form | values, follow=True)


def preview_url(prompt: PromptTemplate) -> str:
    return reverse("admin:captions_prompttemplate_preview", args=[prompt.pk])


class TestSaving:
    def test_a_prompt_is_added_with_who_wrote_it(self, client: Client, staff: User) -> None:
        form = {"name": "charts", "category": "chart", "language": "German", "text": "In {language}: the point."}
        assert client.post(reverse("admin:captions_prompttemplate_add"), form).status_code == 302
        prompt = PromptTemplate.objects.get()
        assert (prompt.name, prompt.category, prompt.language, prompt.version) == ("charts", "chart", "de", 1)
        assert (prompt.created_by, prompt.is_current) == (staff, False)

    def test_an_unused_one_is_changed_in_place(self, client: Client) -> None:
        prompt = make_prompt()
        change(client, prompt, text="Others.")
        assert list(PromptTemplate.objects.values_list("version", "text")) == [(1, "Others.")]

    def test_a_used_one_becomes_the_next_version_and_the_page_says_so(self, client: Client) -> None:
        prompt = make_prompt()
        PromptTemplate.objects.take_into_use(prompt.pk)
        page = change(client, prompt, text="Others.").content.decode()
        assert "this became house/2" in page
        kept = PromptTemplate.objects.order_by("version").values_list("version", "text")
        assert list(kept) == [(1, "Describe it."), (2, "Others.")]

    @pytest.mark.parametrize(
        ("field", "typed", "told"),
        [
            ("text", "In {colour}.", "Nothing would be filled in for {colour}"),
            ("text", "x" * 4001, "4000 are the most"),
            ("text", "", "required"),
            ("language", "Klingonish", "no language that we know"),
            ("name", "x" * 41, "at most 40 characters"),
            ("name", "a/b", "no slash"),
            ("category", "nonsense", "not one of the available choices"),
        ],
    )
    def test_what_cannot_be_is_told_and_nothing_is_saved(
        self, client: Client, field: str, typed: str, told: str
    ) -> None:
        prompt = make_prompt()
        assert told in change(client, prompt, **{field: typed}).content.decode()
        prompt.refresh_from_db()
        assert (prompt.name, prompt.text) == ("house", "Describe it.")

    def test_one_version_at_a_time_is_in_use(self, client: Client) -> None:
        first, second = make_prompt(is_current=True), make_prompt(version=2)
        act = {"action": "use_this_version", "_selected_action": [second.pk]}
        assert "In use now: house/2" in client.post(reverse(LIST), act, follow=True).content.decode()
        assert list(PromptTemplate.objects.current()) == [second]
        client.post(reverse(LIST), {"action": "put_aside", "_selected_action": [first.pk, second.pk]})
        assert not PromptTemplate.objects.current().exists()

    def test_who_saves_over_somebody_elses_words_is_told_and_loses_nothing(self, client: Client) -> None:
        prompt = make_prompt()
        change_url = reverse("admin:captions_prompttemplate_change", args=[prompt.pk])
        opened = client.get(change_url).context["adminform"].form["opened"].value()
        change(client, prompt, text="Words of the first.", opened=opened)
        page = change(client, prompt, text="Words of the second.", opened=opened)
        shown = page.content.decode()
        assert "Somebody changed this prompt while you worked on it." in shown
        assert "Words of the first." in shown
        assert "Words of the second." in shown
        prompt.refresh_from_db()
        assert prompt.text == "Words of the first."
        again = page.context["adminform"].form["opened"].value()
        change(client, prompt, text="Words of the second.", opened=again)
        prompt.refresh_from_db()
        assert prompt.text == "Words of the second."

    def test_what_was_for_the_same_is_put_aside_and_named(self, client: Client) -> None:
        newer = make_prompt()
        older = PromptTemplate.objects.create(name="other", text="Others.", is_current=True)
        chart = PromptTemplate.objects.create(name="chart", category="chart", text="Chart.", is_current=True)
        act = {"action": "use_this_version", "_selected_action": [newer.pk]}
        page = client.post(reverse(LIST), act, follow=True).content.decode()
        assert "In use now: house/1" in page
        assert "Put aside, since it was for the same: other/1." in page
        assert set(PromptTemplate.objects.current()) == {newer, chart}
        assert prompting.best_for("photo", "en") == newer
        prompting.use(older, make_user("second", role=Role.MODERATOR))
        assert prompting.best_for("photo", "en") == older


class FakeModel:
    """An Ollama that describes whatever it gets, or refuses."""

    def __init__(self, server: HTTPServer) -> None:
        self.asked: list[Any] = []
        self.status = 200
        server.expect_request("/api/tags").respond_with_json(
            {"models": [{"name": "sees:1b", "model": "sees:1b", "capabilities": ["vision"]}]}
        )
        server.expect_request("/api/show").respond_with_json({"capabilities": ["completion", "vision"]})
        server.expect_request("/api/chat").respond_with_handler(self._chat)

    def _chat(self, request: Request) -> Response:
        self.asked.append(request.get_json())
        if self.status != 200:
            return Response('{"error": "no such model"}', self.status, mimetype="application/json")
        answer = {
            "model": "sees:1b",
            "message": {"role": "assistant", "content": "A card that says hello."},
            "done": True,
        }
        return Response(json.dumps(answer | {"done_reason": "stop"}), mimetype="application/json")


@pytest.fixture
def model(httpserver: HTTPServer, settings: Settings) -> FakeModel:
    settings.CAPTION_ENGINE = "ollama,basic"
    settings.OLLAMA_URL = httpserver.url_for("").rstrip("/")
    return FakeModel(httpserver)


class TestTrying:
    def test_a_prompt_is_tried_on_one_picture_and_nothing_is_stored(self, client: Client, model: FakeModel) -> None:
        prompt, picture = make_prompt("Say it in {language}."), make_picture(image_category="text")
        before = list(Image.objects.values()), CaptionVersion.objects.count()
        page = client.post(preview_url(prompt), {"images": str(picture.pk), "try": str(picture.pk)}).content.decode()
        assert "A card that says hello." in page
        assert "sees:1b" in page
        [asked] = model.asked
        assert asked["messages"][-1]["content"].startswith("Say it in English.")
        assert "A day out." in asked["messages"][-1]["content"]
        assert (list(Image.objects.values()), CaptionVersion.objects.count()) == before
        prompt.refresh_from_db()
        assert prompt.used_at is None

    def test_earlier_tries_stay_on_the_page(self, client: Client, model: FakeModel) -> None:
        prompt, one, other = make_prompt(), make_picture(), make_picture()
        form = {"images": f"{one.pk} {other.pk}"}
        first = client.post(preview_url(prompt), form | {"try": str(one.pk)})
        second = client.post(preview_url(prompt), form | {"try": str(other.pk), "tried": first.context["tried"]})
        assert second.content.decode().count("A card that says hello.") == 2
        forged = client.post(preview_url(prompt), form | {"try": "", "tried": first.context["tried"] + "x"})
        assert "A card that says hello." not in forged.content.decode()

    def test_an_engine_that_refuses_says_why(self, client: Client, model: FakeModel) -> None:
        model.status = 404
        prompt, picture = make_prompt(), make_picture()
        page = client.post(preview_url(prompt), {"images": str(picture.pk), "try": str(picture.pk)})
        assert page.status_code == 200
        assert "errornote" in page.content.decode()

    def test_a_try_takes_a_place_at_the_engine_and_says_so_when_none_is_free(
        self, client: Client, model: FakeModel, settings: Settings
    ) -> None:
        settings.ENGINE_PLACES = {"ollama": 1}
        prompt, picture = make_prompt(), make_picture()
        form = {"images": str(picture.pk), "try": str(picture.pk)}
        with engine_slots.place("ollama", timedelta(minutes=10)):
            assert "All places at ollama are taken" in client.post(preview_url(prompt), form).content.decode()
        assert model.asked == []
        assert "A card that says hello." in client.post(preview_url(prompt), form).content.decode()
        assert not engine_slots.is_full("ollama")

    def test_without_an_engine_that_can_be_asked_it_says_what_to_do(self, client: Client) -> None:
        prompt, picture = make_prompt(), make_picture()
        page = client.post(preview_url(prompt), {"images": str(picture.pk), "try": str(picture.pk)}).content.decode()
        assert "CAPTION_ENGINE is basic" in page

    def test_pictures_that_are_left_out_are_not_sent(self, client: Client, model: FakeModel) -> None:
        prompt, picture = make_prompt(), make_picture()
        picture.post.tags = "noai"
        picture.post.save(update_fields=["tags"])
        page = client.post(preview_url(prompt), {"images": str(picture.pk), "try": str(picture.pk)}).content.decode()
        assert "no engine sees its pictures" in page
        assert model.asked == []

    def test_a_file_that_is_not_here_is_told(self, client: Client, model: FakeModel) -> None:
        prompt = make_prompt()
        for path in ("gone.jpg", "../../etc/passwd"):
            picture = make_picture(local_path=path)
            page = client.post(preview_url(prompt), {"images": str(picture.pk), "try": str(picture.pk)})
            assert "no copy of this picture here" in page.content.decode()

    def test_at_most_five_pictures_are_shown_and_only_one_is_sent(self, client: Client, model: FakeModel) -> None:
        prompt, made = make_prompt(), [make_picture() for _number in range(7)]
        numbers = " ".join(str(picture.pk) for picture in made)
        page = client.post(preview_url(prompt), {"images": numbers, "try": str(made[6].pk)})
        assert [image for image, _tried in page.context["rows"]] == made[:5]
        assert "they are more than five" in page.content.decode()
        assert model.asked == []

    def test_without_numbers_the_latest_are_offered(self, client: Client) -> None:
        made = [make_picture() for _number in range(6)]
        rows = client.get(preview_url(make_prompt())).context["rows"]
        assert [image.pk for image, _tried in rows] == [picture.pk for picture in made[:0:-1]]

    @pytest.mark.parametrize("images", ["x", "-1", "9" * 40, "1;2"])
    def test_what_is_no_number_is_told(self, client: Client, images: str) -> None:
        assert "such as 12, 15" in client.get(preview_url(make_prompt()), {"images": images}).content.decode()
