"""Whatever a server answers to OAuth, people get a sentence, nothing odd is stored, and no secret goes elsewhere."""

import json
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from pytest_django import Settings
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from accounts.tests.people import make_user
from platforms.models import PlatformApp, PlatformConnection, SignIn
from platforms.tests.cast import host_of
from platforms.tests.oauth_way import Browser, said, text_of

pytestmark = pytest.mark.django_db

APP = {"client_id": "client", "client_secret": "CANARY-client-secret"}
TOKEN = {"access_token": "CANARY-access-token", "token_type": "Bearer"}
JSON = {"Content-Type": "application/json"}


class Hostile:
    """A Mastodon of which each answer can be chosen."""

    def __init__(self, server: HTTPServer) -> None:
        self.server = server
        self.url = server.url_for("").rstrip("/")
        self.browser = Browser(make_user("alice"))
        self.says("/.well-known/nodeinfo", {}, 404)
        self.says("/api/v2/instance", {"version": "4.4.0", "source_url": "https://github.com/mastodon/mastodon"})
        self.says("/api/v1/accounts/verify_credentials", {"id": "1", "username": "demo", "acct": "demo", "url": "x"})

    def says(self, path: str, data: Any, status: int = 200, **headers: str) -> None:
        text = data if isinstance(data, str) else json.dumps(data)
        self.server.expect_request(path).respond_with_data(text, status=status, headers=JSON | headers)


@pytest.fixture
def hostile(httpserver: HTTPServer, settings: Settings) -> Hostile:
    settings.OUTBOUND_ALLOW = (host_of(httpserver.url_for("")),)
    return Hostile(httpserver)


def returned(hostile: Hostile) -> Any:
    """Somebody begins, says yes, and comes back with a code."""
    page = hostile.browser.begin(hostile.url)
    state = parse_qs(urlsplit(page.context["link"]).query)["state"][0]
    return hostile.browser.come_back(f"/platforms/oauth/return?{urlencode({'state': state, 'code': 'CANARY-code'})}")


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({}, 200),
        ([], 200),
        ("null", 200),
        ("<html>", 200),
        ("", 200),
        ("[" * 100_000, 200),
        (APP | {"client_id": "x" * 501}, 200),
        (APP | {"client_id": "x\r\nSet-Cookie: a=b"}, 200),
        (APP | {"client_id": "x\x00"}, 200),
        (APP | {"client_id": "\ud800"}, 200),
        (APP | {"client_id": ""}, 200),
        (APP | {"client_id": True}, 200),
        (APP | {"client_id": ["x"]}, 200),
        (APP | {"client_secret": "x" * 4097}, 200),
        (APP | {"client_secret": None}, 200),
        ({"error": "CANARY"}, 403),
        ("<html>", 404),
        ({"error": "CANARY"}, 422),
    ],
)
def test_an_odd_registration_is_a_sentence_in_the_form(hostile: Hostile, answer: Any, status: int) -> None:
    hostile.says("/api/v1/apps", answer, status)
    page = hostile.browser.begin(hostile.url)
    assert page.status_code == 422
    assert "Paste an access token instead" in page.context["form"].errors["instance_url"][0]
    assert "CANARY" not in text_of(page)
    assert not PlatformApp.objects.exists()
    assert not SignIn.objects.exists()


@pytest.mark.parametrize(
    ("answer", "status", "expected"),
    [
        ({}, 200, "answers with something else"),
        ("", 200, "answers with something else"),
        ("<html>", 200, "answers with something else"),
        ([TOKEN], 200, "answers with something else"),
        (TOKEN | {"access_token": "x\r\ny"}, 200, "answers with something else"),
        (TOKEN | {"access_token": "x" * 4097}, 200, "answers with something else"),
        (TOKEN | {"access_token": 7}, 200, "answers with something else"),
        (TOKEN | {"token_type": "mac"}, 200, "answers with something else"),
        ({"error": "invalid_grant", "error_description": "CANARY-code"}, 400, "took too long, or was used already"),
        ("", 400, "took too long, or was used already"),
        ({"error": "access_denied"}, 401, "has forgotten Vedfolnir"),
        ("", 401, "has forgotten Vedfolnir"),
        ("<html>", 404, "does not let apps sign in"),
        ({"error": "CANARY"}, 500, "is in trouble"),
        ({"error": "CANARY"}, 429, "asks us to slow down"),
    ],
)
def test_an_odd_token_is_a_sentence(hostile: Hostile, answer: Any, status: int, expected: str) -> None:
    hostile.says("/api/v1/apps", APP)
    hostile.says("/oauth/token", answer, status)
    page = returned(hostile)
    assert expected in said(page)
    assert "CANARY" not in text_of(page)
    assert not PlatformConnection.objects.exists()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_takes_no_secret_elsewhere(hostile: Hostile, status: int) -> None:
    other = HTTPServer()
    other.start()
    try:
        hostile.says("/api/v1/apps", APP)
        hostile.says("/oauth/token", "", status, Location=other.url_for("/oauth/token"))
        assert "sends us on to" in said(returned(hostile))
        assert not other.log
    finally:
        other.stop()


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        (
            {"scope": ["read"], "expires_in": "soon", "refresh_token": 7},
            ("read:accounts read:statuses write:statuses", None, None),
        ),
        (
            {"scope": "  ", "expires_in": -1, "refresh_token": "a\nb"},
            ("read:accounts read:statuses write:statuses", None, None),
        ),
        ({"scope": "read, write", "expires_in": True}, ("read write", None, None)),
        ({"scope": "read write " + "x" * 600, "expires_in": 1e300}, ("read write", None, None)),
        ({"scope": "write read read \x00", "expires_in": 1e400}, ("write read", None, None)),
    ],
)
def test_odd_companions_of_a_token_do_no_harm(hostile: Hostile, extra: Any, expected: tuple[Any, ...]) -> None:
    hostile.says("/api/v1/apps", APP)
    hostile.says("/oauth/token", TOKEN | extra)
    assert "Connected" in said(returned(hostile))
    stored = PlatformConnection.objects.get()
    assert (stored.scopes, stored.token_expires_at, stored.refresh_token) == expected


def test_a_token_that_does_not_work_is_given_back(hostile: Hostile) -> None:
    revoked: list[str] = []

    def revoke(request: Request) -> Response:
        revoked.append(request.form["token"])
        return Response("{}", content_type="application/json")

    hostile.server.clear()
    hostile.says("/.well-known/nodeinfo", {}, 404)
    hostile.says("/api/v2/instance", {"version": "4.4.0", "source_url": "https://github.com/mastodon/mastodon"})
    hostile.says("/api/v1/accounts/verify_credentials", {"error": "no"}, 401)
    hostile.says("/api/v1/apps", APP)
    hostile.says("/oauth/token", TOKEN)
    hostile.server.expect_request("/oauth/revoke").respond_with_handler(revoke)
    assert "does not accept the access token" in said(returned(hostile))
    assert revoked == [TOKEN["access_token"]]


@pytest.mark.parametrize(
    "address",
    [
        "http://10.1.2.3",
        "https://127.0.0.1",
        "http://[::1]",
        "https://user@x.example",
        "nothing at all",
        "https://169.254.169.254",
    ],
)
def test_a_bad_address_is_a_sentence_beside_its_field(hostile: Hostile, address: str) -> None:
    page = hostile.browser.begin(address)
    assert page.status_code == 422
    assert page.context["form"].errors["instance_url"]
    assert not hostile.server.log
