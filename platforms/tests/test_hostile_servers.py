"""Whatever a server answers, the page that asks for it shows a sentence."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings
from pytest_httpserver import HTTPServer

from accounts.tests.people import make_user
from platforms.models import PlatformConnection
from platforms.tests.cast import host_of

pytestmark = pytest.mark.django_db

SCHEMA = "http://nodeinfo.diaspora.software/ns/schema/2.0"
ACCOUNT = {"id": "1", "username": "demo"}


class Hostile:
    """A server of which each answer can be chosen, and the form that connects to it."""

    def __init__(self, httpserver: HTTPServer) -> None:
        self.server = httpserver
        self.url = httpserver.url_for("").rstrip("/")

    def says(self, path: str, data: Any, status: int = 200, **headers: str) -> None:
        known = {"Content-Type": "application/json"} | headers
        self.server.expect_request(path).respond_with_data(json.dumps(data), status=status, headers=known)

    def connect(self) -> tuple[int, str]:
        client = Client()
        client.force_login(make_user("alice"))
        wish = {"instance_url": self.url, "token": "a-token", "name": "Hostile"}
        response = client.post(reverse("platforms:connect"), wish, follow=True)
        return response.status_code, response.content.decode()


@pytest.fixture
def hostile(httpserver: HTTPServer, settings: Settings) -> Hostile:
    server = Hostile(httpserver)
    settings.OUTBOUND_ALLOW = (host_of(server.url),)
    return server


@pytest.mark.parametrize("href", ["https://[bad", "http://x]/", None, "\x1b", "https://x/\ud800"])
def test_a_hostile_nodeinfo_address_is_a_sentence_in_the_form(hostile: Hostile, href: str | None) -> None:
    hostile.says("/.well-known/nodeinfo", {"links": [{"rel": SCHEMA, "href": href}]})
    hostile.says("/api/v2/instance", {"error": "no"}, status=404)
    hostile.says("/api/v1/instance", {"error": "no"}, status=404)
    status, page = hostile.connect()
    assert status == 422
    assert "no nodeinfo that we understand" in page


def test_names_with_controls_are_stored_clean(hostile: Hostile) -> None:
    hostile.says("/.well-known/nodeinfo", {"links": [{"rel": SCHEMA, "href": "/nodeinfo"}]})
    hostile.says("/nodeinfo", {"software": {"name": "soft\x1b\u202eware", "version": "1\r\n" + "0" * 500}})
    hostile.says("/api/v2/instance", {})
    hostile.says("/api/v1/accounts/verify_credentials", {"id": 1, "username": "de\x1bmo\u2066"})
    assert hostile.connect()[0] == 200
    row = PlatformConnection.objects.get()
    assert (row.account_id, row.username, row.software) == ("1", "demo", "software")
    assert len(row.software_version) == 100
    assert row.software_version.isprintable()


def test_an_over_long_name_is_refused_in_words(hostile: Hostile) -> None:
    hostile.says("/.well-known/nodeinfo", {"links": []})
    hostile.says("/api/v2/instance", {"version": "4.4.0"})
    hostile.says("/api/v1/accounts/verify_credentials", ACCOUNT | {"username": "x" * 300})
    status, page = hostile.connect()
    assert status == 422
    assert "longer than Vedfolnir can store" in page


def test_a_busy_server_promises_nothing_in_the_form(hostile: Hostile) -> None:
    hostile.says("/.well-known/nodeinfo", {}, status=429)
    status, page = hostile.connect()
    assert status == 422
    assert "slow down" in page
    assert "by itself" not in page
