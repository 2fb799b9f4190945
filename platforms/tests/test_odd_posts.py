"""One post that is not as documented must not hide the others; what is plain is taken."""

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from platforms.clients import entities
from platforms.clients.base import PlatformRefused, Status, UnreadableStatus
from platforms.clients.mastodon import MastodonClient
from platforms.tests.cast import a_status, attachment_json, mastodon, status_json
from platforms.tests.test_misbehaving_servers import STATUSES, json_response


@pytest.fixture
def client(httpserver: HTTPServer) -> Iterator[MastodonClient]:
    with mastodon(httpserver.url_for("").rstrip("/")) as client:
        yield client


def serve(httpserver: HTTPServer, pages: dict[str, list[Any]]) -> None:
    def answer(request: Request) -> Response:
        return json_response(pages.get(request.args.get("max_id", ""), []))

    httpserver.expect_request(STATUSES).respond_with_handler(answer)


def walk(client: MastodonClient) -> tuple[list[str], list[UnreadableStatus]]:
    found = list(client.statuses("1"))
    odd = [one for one in found if isinstance(one, UnreadableStatus)]
    return [one.id for one in found if isinstance(one, Status)], odd


ODD: list[tuple[dict[str, Any], str]] = [
    ({"created_at": None}, "status.created_at"),
    ({"content": "nul \x00"}, "status.content"),
    ({"spoiler_text": "half a pair \ud800"}, "status.spoiler_text"),
    ({"language": "\x00"}, "status.language"),
    ({"edited_at": "2" * 41}, "status.edited_at"),
    ({"tags": [{"name": None}]}, "status.tags.name"),
    ({"tags": ["noai"]}, "status.tags"),
    ({"poll": {"options": ["\x00"]}}, "status.poll"),
    ({"poll": {"votes": float("nan")}}, "status.poll"),
    ({"quote_approval": {"automatic": ["\ud800"]}}, "status.quote_approval"),
    ({"media_attachments": [{"type": "image", "url": "https://files.example/1.png"}]}, "media_attachments.id"),
    ({"media_attachments": [attachment_json(description="\x00")]}, "media_attachments.description"),
    ({"media_attachments": [attachment_json()] * 1001}, "status.media_attachments"),
]


@pytest.mark.parametrize(("changes", "named"), ODD)
def test_an_odd_post_is_passed_over_with_its_id_and_reason(
    httpserver: HTTPServer, client: MastodonClient, changes: dict[str, Any], named: str
) -> None:
    serve(httpserver, {"": [status_json(3), status_json(2, **changes), status_json(1)]})
    taken, (odd,) = walk(client)
    assert taken == ["3", "1"]
    assert (odd.id, odd.url) == ("2", "https://social.example/@demo/2")
    assert named in odd.reason


@pytest.mark.parametrize("item", [None, 7, "text", [], {"uri": "x"}, {"id": None}])
def test_something_without_an_id_is_passed_over_too(httpserver: HTTPServer, client: MastodonClient, item: Any) -> None:
    serve(httpserver, {"": [status_json(3), item], "3": [item, status_json(1)]})
    taken, odd = walk(client)
    assert taken == ["3", "1"]
    assert [one.id for one in odd] == ["", ""]


def test_a_page_of_odd_posts_does_not_end_the_walk(httpserver: HTTPServer, client: MastodonClient) -> None:
    serve(httpserver, {"": [{"id": 9}, {"id": 8}], "8": [status_json(7)]})
    taken, odd = walk(client)
    assert taken == ["7"]
    assert [one.id for one in odd] == ["9", "8"]


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://x.example/\x1b[2J", "https://x.example/\u202e", 7, None]
)
def test_no_dangerous_address_of_an_odd_post_is_passed_on(url: Any) -> None:
    odd = entities.status_or_why_not({"id": "1", "url": url})
    assert isinstance(odd, UnreadableStatus)
    assert odd.url == ""


def test_a_single_odd_post_is_refused_by_name(httpserver: HTTPServer, client: MastodonClient) -> None:
    httpserver.expect_request("/api/v1/statuses/1").respond_with_json(status_json(created_at=None))
    httpserver.expect_request("/api/v1/statuses/1/source").respond_with_json({"text": "", "spoiler_text": ""})
    with pytest.raises(PlatformRefused, match=r"status\.created_at"):
        client.snapshot("1")


def test_a_null_with_a_plain_meaning_is_taken() -> None:
    status = a_status(sensitive=None, spoiler_text=None, content=None)
    assert (status.sensitive, status.spoiler_text, status.content) == (False, "", "")
    assert entities.source({"text": "x", "spoiler_text": None}).spoiler_text == ""


def test_ids_may_be_numbers() -> None:
    status = a_status(id=7, account={"id": 1}, media_attachments=[attachment_json() | {"id": 5}])
    assert (status.id, status.account_id, status.attachments[0].id) == ("7", "1", "5")


def test_figures_of_a_picture_that_no_column_takes_are_left_out() -> None:
    meta = {"focus": {"x": float("nan"), "y": float("inf")}, "original": {"width": 2**31, "height": 10}}
    (attachment,) = a_status(media_attachments=[attachment_json(meta=meta)]).attachments
    assert (attachment.focus, attachment.width, attachment.height) == (None, None, 10)


def test_a_poll_that_spells_out_an_escape_is_no_odd_poll() -> None:
    assert a_status(poll={"options": ["\\u0000"]}).poll is not None


def test_names_of_an_account_are_cleaned() -> None:
    names = {"username": "de\x1b[2Jmo\u202e\n", "display_name": "D\x00e\nmo\ud800", "url": "javascript:1"}
    account = entities.account({"id": "1", **names})
    assert (account.username, account.display_name, account.url) == ("de[2Jmo", "De mo", "")


@pytest.mark.parametrize("username", [None, "", "\x1b\u202e", 7])
def test_an_account_without_a_name_is_refused(username: Any) -> None:
    with pytest.raises(PlatformRefused, match="username"):
        entities.account({"id": "1", "username": username})
