"""Which posts a scan takes."""

from typing import Any

import pytest

from platforms.forms import OptionsForm
from platforms.models import PlatformConnection
from platforms.tests.cast import a_status, attachment_json, status_json
from platforms.wanted import tag_list, tags_of, wants


def connection(**options: bool) -> PlatformConnection:
    return PlatformConnection(account_id="1", **options)


def tag(name: str) -> dict[str, Any]:
    return {"tags": [{"name": name, "url": f"https://social.example/tags/{name}"}]}


def test_it_takes_the_accounts_own_posts_with_pictures() -> None:
    assert wants(connection(), a_status())


@pytest.mark.parametrize(
    "changes",
    [
        {"account": {"id": "2", "username": "other"}},
        {"reblog": status_json(2)},
        {"media_attachments": []},
        {"media_attachments": [attachment_json(type="video"), attachment_json(type="gifv")]},
    ],
)
def test_it_leaves_out_what_is_not_ours_and_what_has_no_picture(changes: dict[str, Any]) -> None:
    everything = connection(include_private=True, include_direct=True, ignore_opt_out=True)
    assert not wants(everything, a_status(**changes))


@pytest.mark.parametrize(
    ("visibility", "option"),
    [("private", "include_private"), ("direct", "include_direct"), ("mutuals_only", "include_private")],
)
def test_posts_that_are_not_for_everybody_need_an_opt_in(visibility: str, option: str) -> None:
    status = a_status(visibility=visibility)
    assert not wants(connection(), status)
    assert wants(connection(**{option: True}), status)
    others = {"include_private", "include_direct", "ignore_opt_out"} - {option}
    assert not wants(connection(**dict.fromkeys(others, True)), status)


def test_quiet_public_posts_are_public() -> None:
    assert wants(connection(), a_status(visibility="unlisted"))


@pytest.mark.parametrize(
    "changes",
    [
        *(tag(name) for name in ("noai", "NoBot", "nollm", "NOALTTEXT")),
        {"content": '<p>Look <a href="https://x.example/tags/noai" class="hashtag">#<span>NoAI</span></a></p>'},
        {"content": "<p>Look &#35;nobot!</p>"},
        {"spoiler_text": "food, #noai"},
        {"content": "<p>Look ＃noai</p>"},
        {"content": "<p>Look #ＮＯＡＩ</p>"},
        tag("ｎｏａｉ"),
    ],
)
def test_posts_that_opt_out_are_left_out_unless_the_owner_overrides_it(changes: dict[str, Any]) -> None:
    status = a_status(**changes)
    assert not wants(connection(), status)
    assert wants(connection(ignore_opt_out=True), status)


@pytest.mark.parametrize(
    "content", ["<p>no ai here</p>", "<p>https://x.example/#noai</p>", "<p>#noaikido</p>", "<p>&amp;#noai;</p>"]
)
def test_other_words_are_no_opt_out(content: str) -> None:
    assert wants(connection(), a_status(content=content))


@pytest.mark.parametrize("tag", ["हिन्दी", "ไม่ใช้ai", "தமிழ்", "català·ai", "مى\u200cخواهم", "été", "日本・語"])
def test_tags_of_every_script_are_tags_in_lists_and_in_texts(tag: str) -> None:
    form = OptionsForm({"opt_out_tags": f"#{tag}"})
    assert form.is_valid(), form.errors.as_text()
    listed = tag_list(form.cleaned_data["opt_out_tags"])
    assert listed <= tags_of([], f"Bild (#{tag}), x")
    assert listed <= tags_of([tag], "")


@pytest.mark.parametrize(
    "text", ["#noai.", "#noai, x", "#noai!", "(#noai)", "#noai\ufe0f", "#noai·", "#noai#more", "#noai-x", "＃ＮｏＡＩ…"]
)
def test_a_tag_ends_where_no_letter_follows(text: str) -> None:
    assert "noai" in tags_of([], text)


def test_the_owners_own_list_holds_whatever_else_is_overridden() -> None:
    owners = PlatformConnection(account_id="1", ignore_opt_out=True, opt_out_tags="private_walk")
    assert wants(owners, a_status(**tag("noai")))
    assert not wants(owners, a_status(**tag("private_walk")))


def test_tags_whose_plain_form_is_too_long_to_be_stored_are_refused() -> None:
    assert not OptionsForm({"only_tags": "ß" * 400}).is_valid()
