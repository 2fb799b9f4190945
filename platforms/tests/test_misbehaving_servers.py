"""Servers that do not keep to the documents: each leads to one of the two exceptions, never to another."""

import json
import re
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from platforms.clients import entities, reading
from platforms.clients.api import Api, _host_of_redirect
from platforms.clients.base import CredentialsRefused, PlatformRefused, PlatformUnavailable, StatusGone
from platforms.clients.mastodon import MastodonClient
from platforms.clients.pixelfed import PixelfedClient
from platforms.clients.snac import SnacClient
from platforms.clients.writing import Writer
from platforms.tests.cast import WRITING, attachment_json, host_of, mastodon, status_json
from vedfolnir.lib import outbound

pytestmark = pytest.mark.once

STATUSES = "/api/v1/accounts/1/statuses"
VERIFY = "/api/v1/accounts/verify_credentials"


@pytest.fixture
def client(httpserver: HTTPServer) -> Iterator[MastodonClient]:
    with mastodon(httpserver.url_for("").rstrip("/")) as client:
        yield client


def pages_by_max_id(ids: list[int], size: int) -> Callable[[Request], Response]:
    """A server that pages by max_id alone and sends no Link."""

    def answer(request: Request) -> Response:
        below = int(request.args.get("max_id", "1000"))
        page = [status_json(pk) for pk in ids if pk < below][:size]
        return json_response(page)

    return answer


def json_response(data: Any, **headers: str) -> Response:
    return Response(json.dumps(data), content_type="application/json", headers=headers)


def listed(client: MastodonClient) -> list[str]:
    return [status.id for status in client.statuses("1")]


def test_a_walk_without_links_goes_on_below_the_last_post(httpserver: HTTPServer, client: MastodonClient) -> None:
    ids = list(range(9, 0, -1))
    httpserver.expect_request(STATUSES).respond_with_handler(pages_by_max_id(ids, 2))  # pages shorter than asked for
    assert listed(client) == [str(pk) for pk in ids]


def test_a_post_that_comes_twice_is_listed_once(httpserver: HTTPServer, client: MastodonClient) -> None:
    pages = {"1000": [9, 9, 8, 7], "7": [8, 7, 6], "6": [6]}

    def answer(request: Request) -> Response:
        return json_response([status_json(pk) for pk in pages[request.args.get("max_id", "1000")]])

    httpserver.expect_request(STATUSES).respond_with_handler(answer)
    assert listed(client) == ["9", "8", "7", "6"]


def test_a_server_that_ignores_max_id_ends_the_walk(httpserver: HTTPServer, client: MastodonClient) -> None:
    httpserver.expect_request(STATUSES).respond_with_json([status_json(2), status_json(1)])
    assert listed(client) == ["2", "1"]
    assert len(httpserver.log) == 2


def test_a_server_without_end_is_left_after_so_many_pages(
    httpserver: HTTPServer, client: MastodonClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MAX_PAGES", 7)
    asked = iter(range(10_000))
    httpserver.expect_request(STATUSES).respond_with_handler(lambda _request: json_response([status_json(next(asked))]))
    assert len(listed(client)) == 7


def test_a_page_of_boosts_does_not_end_the_walk(httpserver: HTTPServer, client: MastodonClient) -> None:
    boosts = [status_json(pk, reblog=status_json(100 + pk)) for pk in (6, 5)]
    pages = {"": boosts, "5": [status_json(4)], "4": []}
    httpserver.expect_request(STATUSES).respond_with_handler(
        lambda request: json_response(pages[request.args.get("max_id", "")])
    )
    assert listed(client) == ["4"]


def test_a_link_is_followed_by_its_query_on_the_same_host_only(httpserver: HTTPServer, client: MastodonClient) -> None:
    elsewhere = (
        '<https://evil.example/steal?max_id=abc&limit=40>; rel="next", <https://x.example/?min_id=9>; rel="prev"'
    )

    def answer(request: Request) -> Response:
        assert request.path == STATUSES
        if request.args.get("max_id") == "abc":
            return json_response([])
        return json_response([status_json(3)], Link=elsewhere)

    httpserver.expect_request(STATUSES).respond_with_handler(answer)
    assert listed(client) == ["3"]
    assert [request.args.get("max_id") for request, _answer in httpserver.log] == [None, "abc"]
    assert all(request.args["exclude_reblogs"] == "true" for request, _answer in httpserver.log)


@pytest.mark.parametrize(
    "link", ['<>; rel="next"', '<https://[bad/?max_id=1>; rel="next"', "nonsense", '<https://x.example/>; rel="next"']
)
def test_a_useless_link_is_no_link(httpserver: HTTPServer, client: MastodonClient, link: str) -> None:
    pages = {"": [status_json(3)], "3": []}
    httpserver.expect_request(STATUSES).respond_with_handler(
        lambda request: json_response(pages[request.args.get("max_id", "")], Link=link)
    )
    assert listed(client) == ["3"]


@pytest.mark.parametrize("family", [PixelfedClient, SnacClient])
def test_no_link_is_followed_where_the_family_has_none(httpserver: HTTPServer, family: type[Writer]) -> None:
    pages = {"": [status_json(3)], "3": [status_json(2)], "2": []}
    astray = '<https://x.example/?max_id=2>; rel="next"'
    httpserver.expect_request(STATUSES).respond_with_handler(
        lambda request: json_response(pages[request.args.get("max_id", "")], Link=astray)
    )
    url = httpserver.url_for("").rstrip("/")
    with Api(url, token="a-token", allow=[host_of(url)]) as api:
        assert [status.id for status in family(api, WRITING).statuses("1")] == ["3", "2"]


@pytest.mark.parametrize("answer", [{"error": "odd"}, None, "text", [None], [[]], [{"uri": "x"}], [7]])
def test_an_answer_that_is_no_list_of_posts_is_refused(
    httpserver: HTTPServer, client: MastodonClient, answer: Any
) -> None:
    httpserver.expect_request(STATUSES).respond_with_json(answer)
    with pytest.raises(PlatformRefused):
        listed(client)


REQUIRED = ["id", "uri", "created_at", "account", "visibility", "media_attachments"]
NULL_HAS_A_MEANING = ["sensitive", "spoiler_text", "content"]  # see test_odd_posts


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *product([*REQUIRED, *NULL_HAS_A_MEANING], ["missing", 7.5, ["x"], {"x": {}}]),
        *product(REQUIRED, [None]),
    ],
)
def test_a_status_whose_documented_field_is_odd_is_refused(name: str, value: Any) -> None:
    odd = status_json(**{name: value})
    if value == "missing":
        del odd[name]
    with pytest.raises(PlatformRefused, match=name):
        entities.status(odd)


@pytest.mark.parametrize(
    "changes",
    [
        {"content": "half a pair \ud800"},
        {"content": "nul \x00"},
        {"poll": "yes"},
        {"quote_approval": []},
        {"tags": [{}]},
        {"mentions": "all"},
        {"language": 3},
        {"id": ""},
        {"id": ".."},
        {"media_attachments": [{"id": "1"}]},
        {"media_attachments": [attachment_json(description=5)]},
        {"media_attachments": [attachment_json(type=None)]},
    ],
)
def test_other_odd_fields_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(PlatformRefused):
        entities.status(status_json(**changes))


def test_what_may_be_missing_may_be_missing() -> None:
    bare = status_json(url=None, media_attachments=[attachment_json(url=None, meta=None)])
    for name in ("language", "edited_at", "in_reply_to_id", "reblog", "poll", "tags", "mentions"):
        del bare[name]
    status = entities.status(bare)
    assert status.url == status.uri
    assert (status.language, status.poll, status.tags, status.is_reblog) == (None, None, (), False)
    assert (status.attachments[0].url, status.attachments[0].focus, status.attachments[0].width) == ("", None, None)


@pytest.mark.parametrize(
    ("focus", "sent"),
    [
        ({"x": -0.42, "y": 0.17}, "-0.42,0.17"),
        ({"x": 0, "y": 1}, "0,1"),
        ({"x": 0.30000000000000004, "y": 1e-7}, "0.30000000000000004,1e-07"),
        ({"x": None, "y": 1}, None),
        ({"x": True, "y": 1}, None),
        ("0,0", None),
        (None, None),
    ],
)
def test_the_focus_keeps_every_digit(focus: Any, sent: str | None) -> None:
    status = entities.status(status_json(media_attachments=[attachment_json(meta={"focus": focus})]))
    assert status.attachments[0].focus == sent


@pytest.mark.parametrize(
    ("status", "headers", "body", "expected"),
    [
        (401, {}, "{}", CredentialsRefused),
        (400, {"Content-Type": "text/html"}, "Invalid Bearer token", CredentialsRefused),  # Takahē
        (422, {}, "", CredentialsRefused),  # snac 2.75
        (403, {}, '{"error": "This action is outside the authorized scopes"}', CredentialsRefused),
        (403, {}, '{"error": "out_of_scope_for_token"}', CredentialsRefused),  # Takahē
        (403, {}, '{"error": "Insufficient permissions: read:accounts."}', CredentialsRefused),  # Pleroma
        (403, {}, '{"error": "insufficient_scope", "error_description": "No."}', CredentialsRefused),
        (403, {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}, "", CredentialsRefused),
        (403, {}, '{"error": "This action is not allowed"}', PlatformRefused),
        (403, {"Content-Type": "text/html"}, "<h1>Just a moment</h1>", PlatformRefused),
        (404, {}, '{"error": "Record not found"}', PlatformRefused),
        (408, {}, "", PlatformUnavailable),
        (429, {}, "", PlatformUnavailable),
        (500, {"Content-Type": "text/html"}, "<h1>Oops</h1>", PlatformUnavailable),
        (503, {"Content-Type": "text/html"}, "<h1>Maintenance</h1>", PlatformUnavailable),
        (302, {"Location": "https://social.example/api"}, "", PlatformRefused),
        (302, {}, "", PlatformRefused),
        (304, {}, "", PlatformRefused),
        (200, {"Content-Type": "text/html"}, "<h1>Hello</h1>", PlatformRefused),
        (200, {}, "", PlatformRefused),
        (200, {}, '{"id": "1"', PlatformRefused),
        (200, {}, "[" * 100_000, PlatformRefused),
        (200, {}, "[]", PlatformRefused),
        (200, {}, '{"id": null}', PlatformRefused),
        (418, {}, '{"error": ["odd"]}', PlatformRefused),
        (418, {}, '"odd"', PlatformRefused),
    ],
)
def test_every_answer_means_one_of_the_two(
    httpserver: HTTPServer,
    client: MastodonClient,
    status: int,
    headers: dict[str, str],
    body: str,
    expected: type[Exception],
) -> None:
    known = {"Content-Type": "application/json"} | headers
    httpserver.expect_request(VERIFY).respond_with_data(body, status=status, headers=known)
    with pytest.raises(expected) as raised:
        client.verify()
    assert type(raised.value) is expected or expected is PlatformRefused
    assert "a-token" not in str(raised.value)
    assert "by itself" not in str(raised.value)


def test_a_redirect_names_the_other_server(httpserver: HTTPServer, client: MastodonClient) -> None:
    httpserver.expect_request(VERIFY).respond_with_data(
        "", status=301, headers={"Location": "https://social.example/api/v1/x"}
    )
    with pytest.raises(PlatformRefused, match=r"sends us on to social\.example"):
        client.verify()


@pytest.mark.parametrize(
    ("location", "other"),
    [
        ("https://[bad/", ""),
        ("", "social.example"),
        ("https://user:secret@else.example/x", "else.example"),
        ("https://else\x1b[2J\u202e.example/", ""),
    ],
)
def test_where_a_redirect_leads_is_told_safely(location: str, other: str) -> None:
    answer = outbound.Response(302, {"Location": location}, b"", "https://social.example/api/v1/x")
    assert _host_of_redirect(answer) == other


def test_the_servers_words_are_cleaned_and_cut(httpserver: HTTPServer, client: MastodonClient) -> None:
    words = "No\u202e\x1b way\n" + "x" * 1000
    httpserver.expect_request("/api/v1/statuses/1").respond_with_json({"error": words}, status=422)
    with pytest.raises(PlatformRefused) as raised:
        client.snapshot("1")
    assert "No way x" in raised.value.reason
    assert len(raised.value.reason) < 400


def test_an_id_cannot_lead_to_another_address(httpserver: HTTPServer, client: MastodonClient) -> None:
    httpserver.expect_request(re.compile(".*")).respond_with_json({}, status=404)
    with pytest.raises(StatusGone):
        client.snapshot("../../oauth/revoke?x=1#")
    asked = httpserver.log[0][0]
    assert asked.path == "/api/v1/statuses/../../oauth/revoke?x=1#"
    assert asked.query_string == b""


def test_a_server_that_is_not_there_is_asked_again_later() -> None:
    with mastodon("http://127.0.0.1:9") as client, pytest.raises(PlatformUnavailable):
        client.verify()


def test_a_server_on_a_private_address_is_refused() -> None:
    with Api("https://127.0.0.1") as api, pytest.raises(PlatformRefused):
        api.get("/api/v1/instance")
    with pytest.raises(PlatformRefused):
        Api("http://social.example")
