"""How OAuth differs from one server family to the next, in the sandbox that is like each of them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from platforms.sandbox.oauth.habits import DAY
from platforms.sandbox.oauth.person import NotPossible, Person
from platforms.sandbox.testing import running_sandbox
from platforms.tests.api import Api
from platforms.tests.oauth import BACK, Client, make_client

FAMILIES = ("mastodon", "gotosocial", "pixelfed", "takahe", "pleroma", "snac")
NO_PKCE = ("gotosocial", "takahe", "pleroma", "snac")
METADATA = "/.well-known/oauth-authorization-server"
Start = Callable[..., Client]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a sandbox like a family, and registers an app there that wants to read and write."""
    with ExitStack() as stack:

        def started(like: str, version: str | None = None) -> Client:
            folder = tmp_path / f"{like}-{version}"
            folder.mkdir()
            sandbox = stack.enter_context(running_sandbox(folder, with_samples=False, like=like, version=version))
            api = Api(sandbox, None)
            stack.callback(api.session.close)
            return make_client(sandbox, api, scopes="read write")

        yield started


@pytest.mark.parametrize("like", FAMILIES)
def test_every_family_can_be_connected(start: Start, like: str) -> None:
    client = start(like)
    target = client.sandbox.approve(client.url(scope="read write", state="a.state_of-its~own"))
    given = dict(parse_qsl(urlsplit(target).query))
    assert given["state"] == "a.state_of-its~own"
    told = client.exchange(given["code"]).json()
    assert told["token_type"] == "Bearer"
    assert client.works(told["access_token"])
    assert client.sandbox.is_valid(told["access_token"])


@pytest.mark.parametrize("like", FAMILIES)
def test_only_some_look_at_the_verifier(start: Start, like: str) -> None:
    client = start(like)
    answer = client.exchange(client.code(scope="read"), code_verifier="wrong" * 10)
    assert (answer.status_code == 200) == (like in NO_PKCE)


@pytest.mark.parametrize(("like", "expected"), [("mastodon", 200), ("gotosocial", 404), ("takahe", 404), ("snac", 404)])
def test_only_new_mastodons_describe_themselves(start: Start, like: str, expected: int) -> None:
    answer = start(like).api("GET", METADATA)
    assert answer.status_code == expected
    assert ("html" in answer.headers["Content-Type"]) == (like == "takahe")


@pytest.mark.parametrize("like", ["gotosocial", "takahe", "pleroma", "snac"])
def test_there_is_not_always_a_way_to_deny(start: Start, like: str) -> None:
    with pytest.raises(NotPossible, match="no button to deny"):
        Person("demo").deny(start(like).url(scope="read"))


def test_takahes_denial_is_a_link_to_where_one_is(start: Start) -> None:
    assert '<a href="#">Deny</a>' in requests.get(start("takahe").url(scope="read"), timeout=10).text


def test_mastodon_before_4_3_knows_neither_pkce_nor_lists_and_forgets_apps(start: Start) -> None:
    client = start("mastodon", "4.2.0")
    assert client.api("GET", METADATA).status_code == 404
    assert client.exchange(client.code(scope="read"), code_verifier=None).status_code == 200
    asked = {"client_name": "Vedfolnir", "redirect_uris": [BACK], "scopes": "read"}
    assert client.api("POST", "/api/v1/apps", json=asked).status_code == 422

    unused = make_client(client.sandbox, client.api)
    client.sandbox.let_pass(DAY + 1)
    newest = make_client(client.sandbox, client.api)
    known = [one.client_id for one in client.sandbox.registered_apps()]
    assert known == [client.client_id, newest.client_id], "the one with a token stays"
    assert unused.exchange("code").json()["error"] == "invalid_client"


def test_pixelfeds_tokens_expire_and_are_refreshed_once(start: Start) -> None:
    client = start("pixelfed")
    told = client.exchange(client.code(scope="read write")).json()
    assert (told["expires_in"], "scope" in told) == (356 * DAY, False)
    client.sandbox.let_pass(356 * DAY + 1)
    assert not client.works(told["access_token"])

    asked = {"grant_type": "refresh_token", "refresh_token": told["refresh_token"], **client.credentials}
    fresh = client.api("POST", "/oauth/token", json=asked).json()
    assert client.works(fresh["access_token"])
    assert fresh["refresh_token"] != told["refresh_token"]
    again = client.api("POST", "/oauth/token", json=asked)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


def test_a_refresh_token_is_too_old_after_400_days_and_is_nobody_elses(start: Start) -> None:
    client = start("pixelfed")
    refresh = client.exchange(client.code(scope="read")).json()["refresh_token"]
    asked = {"grant_type": "refresh_token", "refresh_token": refresh}
    other = make_client(client.sandbox, client.api)
    assert client.api("POST", "/oauth/token", json={**asked, **other.credentials}).status_code == 400
    client.sandbox.let_pass(400 * DAY + 1)
    assert client.api("POST", "/oauth/token", json={**asked, **client.credentials}).status_code == 400


def test_pixelfed_knows_few_scopes_no_revoking_and_stumbles_over_a_list(start: Start) -> None:
    client = start("pixelfed")
    with pytest.raises(NotPossible, match="scope"):
        client.sandbox.approve(client.url(scope="read:accounts"))
    token = client.exchange(client.code(scope="read")).json()["access_token"]
    assert client.revoke(token).status_code == 404
    assert client.works(token)
    asked = {"client_name": "Vedfolnir", "redirect_uris": [BACK]}
    assert client.api("POST", "/api/v1/apps", json=asked).status_code == 500
    two = make_client(client.sandbox, client.api, redirect_uris=f"{BACK}\nhttps://other.example/back")
    assert client.sandbox.registered_apps()[-1].redirect_uris == (BACK, "https://other.example/back")
    assert two.code(scope="read")


def test_takahe_takes_a_code_twice_but_not_after_a_minute(start: Start) -> None:
    client = start("takahe")
    code = client.code(scope="read")
    tokens = [client.exchange(code).json()["access_token"] for _ in range(2)]
    assert tokens[0] != tokens[1]
    assert all(client.works(one) for one in tokens)
    client.sandbox.let_pass(61)
    late = client.exchange(code)
    assert (late.status_code, late.json()) == (401, {"error": "access_denied"})


def test_takahe_revokes_without_a_word(start: Start) -> None:
    client = start("takahe")
    token = client.exchange(client.code(scope="read")).json()["access_token"]
    answer = client.revoke(token)
    assert (answer.status_code, answer.content) == (200, b"")
    assert not client.works(token)
    assert client.revoke("never issued").status_code == 403


def test_snac_asks_for_a_password_and_shows_neither_app_nor_scopes(start: Start) -> None:
    client = start("snac")
    page = requests.get(client.url(), timeout=10).text
    assert "/oauth/x-snac-login" in page
    assert "Vedfolnir</h1>" not in page
    assert "read:accounts" not in page
    with pytest.raises(NotPossible, match="LOGIN INCORRECT"):
        client.sandbox.approve(client.url(), "nobody")


def test_snac_does_not_look_at_codes_or_scopes(start: Start) -> None:
    client = start("snac")
    code = client.code(scope="read")
    tokens = [client.exchange(one).json() for one in (code, code, "made up")]
    assert all(client.works(one["access_token"]) for one in tokens)
    assert not any("scope" in one for one in tokens)
    header = {"Authorization": f"Bearer {tokens[0]['access_token']}"}
    assert client.api("POST", "/api/v1/statuses", headers=header, json={"status": "Hello"}).status_code == 200


def test_snac_refuses_with_an_empty_body(start: Start) -> None:
    answer = start("snac").exchange("code", client_secret="wrong")
    assert (answer.status_code, answer.content) == (401, b"")


def test_snac_forgets_the_app_with_the_first_token_that_it_revokes(start: Start) -> None:
    client = start("snac")
    first, second = (client.exchange(client.code()).json()["access_token"] for _ in range(2))
    assert client.revoke(first).status_code == 200
    assert client.works(second)
    assert client.revoke(second).status_code == 403
    assert client.sandbox.registered_apps() == []


def test_snacs_state_comes_back_unquoted(start: Start) -> None:
    client = start("snac")
    target = client.sandbox.approve(client.url(state="a+b&c=d"))
    assert target.endswith("&state=a+b&c=d")


def test_gotosocial_counts_addresses_and_says_so_in_its_own_words(start: Start) -> None:
    client = start("gotosocial")
    client.sandbox.set_rate_limit(3)  # the registration was the first
    tokens = [client.sandbox.issue_token() for _ in range(3)]
    answers = [
        client.api("GET", "/api/v1/accounts/verify_credentials", headers={"Authorization": f"Bearer {one}"})
        for one in tokens
    ]
    assert [one.status_code for one in answers] == [200, 200, 429]
    assert answers[-1].json() == {"error": "rate limit reached"}
    assert "Retry-After" not in answers[-1].headers


@pytest.mark.parametrize("like", ["pixelfed", "takahe", "snac"])
def test_some_tell_nothing_of_limits(start: Start, like: str) -> None:
    assert not any(name.startswith("X-RateLimit") for name in start(like).api("GET", "/api/v1/instance").headers)
