"""Which posts a scan takes."""

from typing import Any

import pytest

from platforms.models import PlatformConnection
from platforms.tests.cast import a_status, attachment_json, status_json
from platforms.wanted import wants


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
