"""What servers do with a token, and what our own mistakes do with it: no page, log or row shows it."""

import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from django.conf import settings as project
from django.core import mail
from django.db import connection as database
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape
from pytest_django import Settings
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from accounts.models import AuditLog, User
from accounts.roles import Role
from accounts.tests.people import PASSWORD, make_user
from platforms.clients.base import (
    Account,
    Capabilities,
    Instance,
    PlatformError,
    PlatformRefused,
    PlatformUnavailable,
)
from platforms.identity import Identity
from platforms.looking import look_again
from platforms.models import PlatformConnection
from platforms.speaking import client_for
from platforms.tests.cast import make_connection, status_json
from vedfolnir.errors import SecretlessFilter, SecretlessFormatter, SecretlessReporter

pytestmark = pytest.mark.django_db

TOKEN = "canary-access-token-3c9d"
COOKIE = project.SESSION_COOKIE_NAME
Answer = Callable[[Request], Response]


def in_json(status: int, *names: str) -> Answer:
    """An answer whose error repeats the token, as it is and after many words."""

    def answer(request: Request) -> Response:
        said = {name: f"{'x' * 280} the token {request.headers.get('Authorization')} is bad" for name in names}
        said["error_description"] = f"{request.headers.get('Authorization')} is bad"
        return Response(json.dumps(said), status, content_type="application/json")

    return answer


def in_html(status: int) -> Answer:
    def answer(request: Request) -> Response:
        return Response(f"<h1>Bad</h1><pre>{request.headers}</pre>", status, content_type="text/html")

    return answer


def in_a_redirect(status: int) -> Answer:
    def answer(request: Request) -> Response:
        where = f"http://{TOKEN}@other.example/{TOKEN}?access_token={TOKEN}#{TOKEN}"
        return Response(f"See {where}", status, headers={"Location": where})

    return answer


def in_headers(status: int) -> Answer:
    def answer(request: Request) -> Response:
        said = {"WWW-Authenticate": f'Bearer error="invalid_token", token="{TOKEN}"', "Retry-After": TOKEN, "X": TOKEN}
        return Response("{}", status, headers={**said, "Content-Type": f"application/{TOKEN}"})

    return answer


def half(status: int) -> Answer:
    """JSON that breaks off in the middle of the token."""

    def answer(request: Request) -> Response:
        return Response(f'{{"error": "{TOKEN}', status, content_type="application/json")

    return answer


ANSWERS = {
    **{f"JSON {status}": in_json(status, "error", "message") for status in (400, 401, 403, 404, 422, 429, 500, 503)},
    **{f"HTML {status}": in_html(status) for status in (200, 401, 403, 404, 500)},
    **{f"redirect {status}": in_a_redirect(status) for status in (301, 302, 307, 308)},
    **{f"headers {status}": in_headers(status) for status in (200, 401, 403, 429)},
    **{f"half {status}": half(status) for status in (200, 401, 422)},
}


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], str]]:
    """Everything that any logger says, with the tracebacks, as our handler writes it."""
    caplog.set_level(logging.DEBUG)
    database.force_debug_cursor = True
    formatter = SecretlessFormatter("%(name)s %(message)s")
    yield lambda: "\n".join(formatter.format(record) for record in caplog.records)
    database.force_debug_cursor = False


@pytest.fixture
def server(httpserver: HTTPServer, settings: Settings) -> HTTPServer:
    settings.OUTBOUND_ALLOW = (urlsplit(httpserver.url_for("")).netloc,)
    return httpserver


def rows() -> str:
    """Every column of every row of every table."""
    with database.cursor() as cursor:
        found = []
        for name in database.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {database.ops.quote_name(name)}")
            found += [f"{name}: {row!r}" for row in cursor.fetchall()]
    return "\n".join(found)


def follow(error: BaseException) -> Iterator[str]:
    """What an error and those that it came from say."""
    seen: BaseException | None = error
    while seen is not None:
        yield f"{seen!r} {seen} {vars(seen)}"
        seen = seen.__cause__ or seen.__context__


def signed_in(role: Role = Role.ADMIN) -> tuple[Client, User]:
    user = make_user("ada", role=role)
    client = Client()
    client.force_login(user)
    return client, user


@pytest.mark.parametrize("name", ANSWERS)
def test_a_server_that_repeats_the_token_does_not_get_it_shown(
    name: str, server: HTTPServer, log: Callable[[], str]
) -> None:
    server.expect_request(re.compile(".*")).respond_with_handler(ANSWERS[name])
    client, user = signed_in()
    url = server.url_for("").rstrip("/")
    wish = {"instance_url": url, "token": TOKEN, "name": "Kepler"}
    pages = [client.post(reverse("platforms:connect"), wish, follow=True)]
    stored = make_connection(user, instance_url=url, access_token=TOKEN)
    pages.append(client.post(reverse("platforms:test", args=[stored.pk]), follow=True))
    pages.append(client.get(reverse("platforms:detail", args=[stored.pk])))
    for page in pages[1:]:  # the first has the form again, with what the person typed but for the token
        assert page.status_code == 200
    client_of_it = client_for(stored)
    said: list[str] = []
    for ask in (client_of_it.verify, lambda: list(client_of_it.statuses("1")), lambda: client_of_it.snapshot("1")):
        try:
            ask()
        except PlatformError as error:
            said += follow(error)
    client_of_it.close()
    assert any(request.headers.get("Authorization") == f"Bearer {TOKEN}" for request, _answer in server.log)
    for where in (*(page.content.decode() for page in pages), *said, log(), rows(), repr(AuditLog.objects.values())):
        assert TOKEN not in where


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("where", ["platforms.identity.detect", "platforms.actions._store", "platforms.actions._find"])
def test_an_error_page_and_its_mail_do_not_show_the_token(
    where: str, debug: bool, settings: Settings, monkeypatch: pytest.MonkeyPatch, log: Callable[[], str]
) -> None:
    settings.DEBUG = debug
    settings.ADMINS = [("Ops", "ops@example.org")]
    client, _user = signed_in()
    client.raise_request_exception = False
    monkeypatch.setattr(where, lambda *_, **__: 1 / 0)
    monkeypatch.setattr("platforms.actions._identify", _anybody) if where.startswith("platforms.actions") else None
    wish = {"instance_url": "https://social.example", "token": TOKEN, "name": "Kepler"}
    page = client.post(reverse("platforms:connect"), wish)
    assert page.status_code == 500
    assert ("ZeroDivisionError" in page.content.decode()) is debug
    cookie = client.cookies[COOKIE].value
    for text in (page.content.decode(), log(), repr([message.message().as_string() for message in mail.outbox])):
        assert TOKEN not in text
    assert cookie not in log()
    assert debug or cookie not in page.content.decode()


def _anybody(*_: Any) -> Identity:
    return Identity(
        Account("1", "demo", "https://social.example/@demo"),
        Instance("mastodon", "4.4.0"),
        "mastodon",
        Capabilities(can_write=False),
    )


@pytest.mark.parametrize("debug", [False, True])
def test_an_error_while_a_stored_token_is_used_does_not_show_it(
    debug: bool, settings: Settings, monkeypatch: pytest.MonkeyPatch, log: Callable[[], str]
) -> None:
    settings.DEBUG = debug
    client, user = signed_in()
    client.raise_request_exception = False
    stored = make_connection(user, access_token=TOKEN)
    monkeypatch.setattr("vedfolnir.lib.outbound.client.HttpClient.request", lambda *_, **__: 1 / 0)
    page = client.post(reverse("platforms:test", args=[stored.pk]))
    assert page.status_code == 500
    assert ("ZeroDivisionError" in page.content.decode()) is debug
    assert TOKEN not in page.content.decode()
    assert TOKEN not in log()


@pytest.mark.parametrize("debug", [False, True])
def test_an_error_at_the_door_shows_no_password(
    debug: bool, settings: Settings, monkeypatch: pytest.MonkeyPatch, log: Callable[[], str]
) -> None:
    settings.DEBUG = debug
    make_user("ada")
    client = Client(raise_request_exception=False)
    monkeypatch.setattr("accounts.adapter.ApprovedUserBackend.authenticate", lambda *_, **__: 1 / 0)
    page = client.post(reverse("account_login"), {"login": "ada", "password": PASSWORD})
    assert page.status_code == 500
    assert ("ZeroDivisionError" in page.content.decode()) is debug
    assert PASSWORD not in page.content.decode()
    assert PASSWORD not in log()


@pytest.mark.parametrize("debug", [False, True])
def test_an_error_on_the_way_back_from_a_server_shows_no_code(
    debug: bool, settings: Settings, monkeypatch: pytest.MonkeyPatch, log: Callable[[], str]
) -> None:
    settings.DEBUG = debug
    settings.ADMINS = [("Ops", "ops@example.org")]
    client, _user = signed_in()
    client.raise_request_exception = False
    monkeypatch.setattr("platforms.models.PlatformConnectionQuerySet.visible_to", fail_in_depth)
    canaries = {"code": "canary-code-%/é-71", "state": "canary-state-82"}
    page = client.get(reverse("platforms:list"), canaries)
    assert page.status_code == 500
    text = page.content.decode()
    assert ("a bug at the bottom" in text) is debug
    for where in (text, log(), repr([message.message().as_string() for message in mail.outbox])):
        for canary in (*canaries.values(), TOKEN):
            assert all(form not in where for form in (canary, quote(canary), quote(canary, safe=""), escape(canary)))


def fail_in_depth(*_: Any, **__: Any) -> None:
    """As a client does whose libraries hold the token in variables of many kinds; its exception repeats it."""
    token = TOKEN
    headers = {"Authorization": f"Bearer {token}", "Accept": "*/*"}
    sent = [("headers", headers), token]
    try:
        raise ValueError(f"cannot send {sent[:1]}")
    except ValueError as error:
        raise RuntimeError("a bug at the bottom") from error


def test_a_report_without_a_request_is_made_too() -> None:
    with pytest.raises(RuntimeError) as raised:
        fail_in_depth()
    reporter = SecretlessReporter(None, raised.type, raised.value, raised.tb)
    for report in (reporter.get_traceback_html(), reporter.get_traceback_text()):
        assert "a bug at the bottom" in report
        assert TOKEN not in report


def test_settings_with_passwords_in_their_addresses_are_hidden(settings: Settings) -> None:
    settings.REDIS_URL = settings.CELERY_BROKER_URL = "redis://:canary@host/0"
    settings.CACHES = {"default": {"BACKEND": "x", "LOCATION": "redis://:canary@host/0"}}
    assert "canary" not in repr(SecretlessFilter().get_safe_settings())


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Authorization: Bearer abc-1 and more", "Authorization: Bearer ***** and more"),
        ("{'Authorization': 'Bearer abc-1', 'x': 1}", "{'Authorization': 'Bearer *****', 'x': 1}"),
        ("POST https://a.example/?code=abc-1&state=s&x=1", "POST https://a.example/?code=*****&state=*****&x=1"),
        ('{"client_secret": "abc-1", "x": 1}', '{"client_secret": "*****", "x": 1}'),
        ("grant_type=x&refresh_token=abc-1", "grant_type=x&refresh_token=*****"),
        ("UPDATE t SET a = 'gAAAAABn" + "x" * 40 + "=='", "UPDATE t SET a = '*****'"),
        ("Incorrect API key provided: sk-proj-abc_1" + "x" * 20 + ".", "Incorrect API key provided: *****."),
        ("OPENAI_API_KEY=abc-1 x", "OPENAI_API_KEY=***** x"),
        ("openai(api_key='abc-1', x=1)", "openai(api_key='*****', x=1)"),
        ("status code=500, state: running", "status code=500, state: running"),
    ],
)
def test_what_looks_like_a_secret_is_left_out_of_the_log(said: str, shown: str) -> None:
    record = logging.LogRecord("x", logging.DEBUG, __file__, 1, "%s", (said,), None)
    assert SecretlessFormatter("%(message)s").format(record) == shown


def good_answer(request: Request) -> Response:
    """A Mastodon whose every text repeats the token, also to who sends none."""
    if request.path == "/.well-known/nodeinfo":
        links = [{"rel": "http://nodeinfo.diaspora.software/ns/schema/2.0", "href": "/nodeinfo"}]
        return Response(json.dumps({"links": links}), content_type="application/json")
    answers: dict[str, Any] = {
        "/nodeinfo": {"software": {"name": "mastodon", "version": f"4.4.0+{TOKEN}"}},
        "/api/v2/instance": {"version": f"4.4.0+{TOKEN}", "title": TOKEN},
        "/api/v1/accounts/verify_credentials": {"id": "1", "username": f"u-{TOKEN}", "display_name": TOKEN},
    }
    known = answers.get(request.path)
    return Response(json.dumps(known or {}), 200 if known else 404, content_type="application/json")


def listing(request: Request) -> Response:
    text = json.dumps([status_json(5, content=f"<p>{TOKEN}</p>")])
    spelt = text.replace("c", "\\u0063")  # the same JSON in bytes that do not hold the token
    return Response(spelt, content_type="application/json")


def test_an_answer_that_is_good_but_for_the_token_in_it_is_refused(server: HTTPServer, log: Callable[[], str]) -> None:
    server.expect_request(re.compile(".*")).respond_with_handler(good_answer)
    client, user = signed_in()
    url = server.url_for("").rstrip("/")
    wish = {"instance_url": url, "token": TOKEN, "name": "Kepler"}
    page = client.post(reverse("platforms:connect"), wish, follow=True).content.decode()
    assert "repeats the access token" in page
    assert not PlatformConnection.objects.exists()

    stored = make_connection(user, instance_url=url, access_token=TOKEN)
    pages = [page, client.post(reverse("platforms:test", args=[stored.pk]), follow=True).content.decode()]
    with pytest.raises(PlatformUnavailable, match="repeats the access token"):
        look_again(stored, since=timezone.now())
    assert all(TOKEN not in one for one in [*pages, log(), rows()])


@pytest.mark.parametrize("secret", ["access_token", "refresh_token", "client_secret"])
def test_posts_with_a_secret_of_ours_in_them_are_refused(secret: str, server: HTTPServer) -> None:
    server.expect_request(re.compile(".*")).respond_with_handler(listing)
    _client, user = signed_in()
    values: dict[str, Any] = {"instance_url": server.url_for("").rstrip("/"), secret: TOKEN}
    stored = make_connection(user, **values)
    with closing(client_for(stored)) as speaking, pytest.raises(PlatformRefused, match="repeats the access token"):
        list(speaking.statuses("1"))
