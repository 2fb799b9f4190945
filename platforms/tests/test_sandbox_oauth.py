"""OAuth in the sandbox, asked as a client asks it: register, be allowed, get a token, lose it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
import requests

from platforms.sandbox.oauth.person import NotPossible, Person
from platforms.sandbox.testing import SandboxHandle
from platforms.tests.api import Api
from platforms.tests.oauth import BACK, SCOPES, VERIFIER, Client, code_in, make_client

pytestmark = pytest.mark.once


@pytest.fixture
def client(sandbox: SandboxHandle, anonymous: Api) -> Client:
    return make_client(sandbox, anonymous)


def error_of(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


# Registration


def test_an_app_registers_with_json_or_a_form_and_is_told_once_who_it_is(
    sandbox: SandboxHandle, anonymous: Api
) -> None:
    asked = {"client_name": "Vedfolnir", "redirect_uris": BACK, "scopes": SCOPES, "website": "https://captions.example"}
    first, second = anonymous("POST", "/api/v1/apps", json=asked), anonymous("POST", "/api/v1/apps", data=asked)
    assert first.json()["scopes"] == second.json()["scopes"] == SCOPES.split()
    assert (first.json()["redirect_uri"], first.json()["redirect_uris"]) == (BACK, [BACK])
    assert first.json()["client_id"] != second.json()["client_id"]
    registered = sandbox.registered_apps()
    assert [one.client_id for one in registered] == [first.json()["client_id"], second.json()["client_id"]]
    assert (registered[0].redirect_uris, registered[0].scopes) == ((BACK,), SCOPES)


def test_the_file_holds_no_secret_of_an_app_and_no_token(client: Client) -> None:
    code = client.code()
    token = client.exchange(code).json()["access_token"]
    for file in client.sandbox.database.parent.iterdir():
        held = file.read_bytes()
        assert not any(secret.encode() in held for secret in (client.secret, code, token, VERIFIER)), file
    sent = json.loads(client.sandbox.requests("POST", "/oauth/token")[0].body_json or "")
    assert (sent["client_id"], sent["code_verifier"]) == (client.client_id, "")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"client_name": " "}, "Application name can't be blank"),
        ({"redirect_uris": ""}, "Redirect URI can't be blank"),
        ({"redirect_uris": "/callback"}, "Redirect URI must be an absolute URI"),
        ({"redirect_uris": "https://a.example/#there"}, "Redirect URI must be an absolute URI"),
        ({"redirect_uris": ["https://a.example/\r\nSet-Cookie: x=1"]}, "Redirect URI must be an absolute URI"),
        ({"scopes": "read write:everything"}, "Scopes doesn't match"),
    ],
)
def test_a_registration_that_makes_no_sense_is_refused(anonymous: Api, changes: dict[str, Any], message: str) -> None:
    asked = {"client_name": "Vedfolnir", "redirect_uris": BACK, "scopes": SCOPES, **changes}
    answer = anonymous("POST", "/api/v1/apps", json=asked)
    assert answer.status_code == 422
    assert message in answer.json()["error"]


# Allowing


def test_a_person_allows_an_app_and_it_may_do_what_it_asked_for(client: Client, sandbox: SandboxHandle) -> None:
    target = sandbox.approve(client.url())
    assert target.startswith(f"{BACK}?")
    assert dict(parse_qsl(urlsplit(target).query))["state"] == "a state"
    answer = client.exchange(code_in(target))
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    told = answer.json()
    assert (told["token_type"], told["scope"]) == ("Bearer", SCOPES)
    assert {"expires_in", "refresh_token"}.isdisjoint(told)
    header = {"Authorization": f"Bearer {told['access_token']}"}
    assert client.api("GET", "/api/v1/accounts/verify_credentials", headers=header).json()["id"] == sandbox.account_id
    assert client.api("POST", "/api/v2/media", headers=header).status_code == 403, "write:media was not asked for"
    shown = client.api("GET", "/api/v1/apps/verify_credentials", headers=header).json()
    assert (shown["name"], shown["scopes"]) == ("Vedfolnir", SCOPES.split())
    assert "client_secret" not in shown


def test_the_page_says_who_asks_for_what_and_that_this_is_practice(sandbox: SandboxHandle, anonymous: Api) -> None:
    client = make_client(sandbox, anonymous, client_name="<b>Captions</b>")
    answer = requests.get(client.url(), timeout=10)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "&lt;b&gt;Captions&lt;/b&gt;" in answer.text
    assert "<b>Captions" not in answer.text
    for text in (*SCOPES.split(), "@demo", "captions.example", "practice server", "Allow</button>", "Deny</button>"):
        assert text in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert "form-action 'self' https://captions.example" in policy, "browsers hold the redirect to it, too"


def test_the_page_speaks_the_language_that_the_app_asks_for(client: Client) -> None:
    for lang, expected, words in (("de-CH", "de", "Erlauben"), ("fr", "en", "Allow"), (None, "en", "Allow")):
        page = requests.get(client.url(lang=lang), timeout=10).text
        assert f'<html lang="{expected}">' in page
        assert f">{words}</button>" in page


def test_a_person_may_choose_another_account(client: Client, sandbox: SandboxHandle) -> None:
    target = sandbox.approve(client.url(), "observatory")
    token = client.exchange(code_in(target)).json()["access_token"]
    header = {"Authorization": f"Bearer {token}"}
    assert client.api("GET", "/api/v1/accounts/verify_credentials", headers=header).json()["acct"] == "observatory"


@pytest.mark.parametrize("state", ["a b", "ä&code=x", "%2B+/=", "…" * 100, None])
def test_the_state_comes_back_as_it_was_sent_also_after_a_refusal(client: Client, state: str | None) -> None:
    for target in (client.sandbox.approve(client.url(state=state)), Person("demo").deny(client.url(state=state))):
        assert dict(parse_qsl(urlsplit(target).query)).get("state") == state


def test_denying_sends_the_person_back_with_an_error(client: Client) -> None:
    told = parse_qs(urlsplit(Person("demo").deny(client.url())).query)
    assert told["error"] == ["access_denied"]
    assert "code" not in told
    assert client.sandbox.tokens_of(client.client_id) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"client_id": "nobody"}, "not registered"),
        ({"client_id": None}, "not registered"),
        ({"redirect_uri": "https://evil.example/"}, "redirect URI"),
        ({"redirect_uri": BACK + "/"}, "redirect URI"),
        ({"redirect_uri": None}, "redirect URI"),
        ({"scope": "read"}, "scope"),
        ({"scope": SCOPES + " write:media"}, "scope"),
        ({"response_type": "token"}, "response type"),
        ({"code_challenge_method": "plain"}, "S256"),
        ({"code_challenge_method": None}, "S256"),
        ({"code_challenge": "short"}, "malformed"),
    ],
)
def test_a_bad_request_for_authorization_leads_nowhere(
    client: Client, changes: dict[str, str | None], message: str
) -> None:
    answer = requests.get(client.url(**changes), allow_redirects=False, timeout=10)
    assert (answer.status_code, "Location" in answer.headers) == (400, False)
    with pytest.raises(NotPossible, match=message):
        client.sandbox.approve(client.url(**changes))
    query = dict(parse_qsl(urlsplit(client.url(**changes)).query)) | {"account": "demo", "decision": "allow"}
    posted = requests.post(f"{client.sandbox.url}/oauth/authorize", data=query, allow_redirects=False, timeout=10)
    assert posted.status_code == 400, "nor does posting the form without the page"


def test_whoever_is_signed_in_and_allowed_it_before_is_not_asked_again(client: Client) -> None:
    person = Person("demo")
    target = person.approve(client.url())
    client.exchange(code_in(target))

    again = person.session.get(client.url(state="second"), allow_redirects=False, timeout=10)
    assert (again.status_code, "state=second" in again.headers["Location"]) == (302, True)
    forced = person.session.get(client.url(force_login="true"), allow_redirects=False, timeout=10)
    more = person.session.get(client.url(scope="read:accounts"), allow_redirects=False, timeout=10)
    stranger = requests.get(client.url(), allow_redirects=False, timeout=10)
    assert [one.status_code for one in (forced, more, stranger)] == [200, 200, 200]


# Tokens


def test_a_code_works_once(client: Client) -> None:
    code = client.code()
    assert client.exchange(code).status_code == 200
    assert error_of(client.exchange(code)) == (400, "invalid_grant")


def test_a_code_expires(client: Client) -> None:
    code = client.code()
    client.sandbox.let_pass(601)
    assert error_of(client.exchange(code)) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"code": "made up"}, (400, "invalid_grant")),
        ({"code": None}, (400, "invalid_request")),
        ({"redirect_uri": "https://evil.example/"}, (400, "invalid_grant")),
        ({"redirect_uri": None}, (400, "invalid_grant")),
        ({"code_verifier": "another" * 9}, (400, "invalid_grant")),
        ({"code_verifier": None}, (400, "invalid_grant")),
        ({"client_secret": "wrong"}, (401, "invalid_client")),
        ({"client_id": "nobody"}, (401, "invalid_client")),
        ({"grant_type": "password"}, (400, "unsupported_grant_type")),
        ({"grant_type": "refresh_token"}, (400, "unsupported_grant_type")),
        ({"grant_type": None}, (400, "invalid_request")),
    ],
)
def test_a_bad_request_for_a_token_is_refused_by_name_and_uses_nothing_up(
    client: Client, changes: dict[str, Any], expected: tuple[int, str]
) -> None:
    code = client.code()
    refused = client.exchange(code, **changes)
    assert error_of(refused) == expected
    assert ("WWW-Authenticate" in refused.headers) == (expected[0] == 401)
    assert client.exchange(code).status_code == 200


def test_a_code_is_of_use_only_to_the_app_that_it_was_made_for(client: Client, anonymous: Api) -> None:
    other = make_client(client.sandbox, anonymous)
    assert error_of(other.exchange(client.code())) == (400, "invalid_grant")


def test_a_client_may_show_its_secret_in_the_authorization_header(client: Client) -> None:
    asked = {"grant_type": "authorization_code", "redirect_uri": BACK, "code_verifier": VERIFIER, "code": client.code()}
    answer = client.api("POST", "/oauth/token", data=asked, auth=(client.client_id, client.secret))
    assert answer.status_code == 200


def test_without_a_challenge_no_verifier_is_needed(client: Client) -> None:
    code = client.code(code_challenge=None, code_challenge_method=None)
    assert client.exchange(code, code_verifier=None).status_code == 200


def test_an_app_can_have_a_token_for_itself(client: Client) -> None:
    asked = {"grant_type": "client_credentials", "scope": "read:accounts", **client.credentials}
    token = client.api("POST", "/oauth/token", json=asked).json()["access_token"]
    header = {"Authorization": f"Bearer {token}"}
    assert client.api("GET", "/api/v1/apps/verify_credentials", headers=header).status_code == 200
    assert client.api("GET", "/api/v1/accounts/verify_credentials", headers=header).status_code == 401


def test_the_app_of_a_token_is_shown_to_nobody_else(client: Client, api: Api) -> None:
    assert client.api("GET", "/api/v1/apps/verify_credentials").status_code == 401
    assert api("GET", "/api/v1/apps/verify_credentials").status_code == 404, "a token of the command line has no app"


# The end


def test_an_app_revokes_its_own_token_and_no_other(client: Client, anonymous: Api) -> None:
    token = client.exchange(client.code()).json()["access_token"]
    other = make_client(client.sandbox, anonymous)
    assert other.revoke(token).status_code == 403
    assert other.revoke(client.sandbox.token).status_code == 403
    assert replace(client, secret="wrong").revoke(token).status_code == 403
    assert client.sandbox.is_valid(token)
    answer = client.revoke(token)
    assert (answer.status_code, answer.json()) == (200, {})
    assert not client.sandbox.is_valid(token)
    assert client.revoke(token).status_code == 200, "RFC 7009: what is gone already is gone"
    assert client.revoke("never issued").status_code == 200
    assert [one.is_valid for one in client.sandbox.tokens_of(client.client_id)] == [False]


def test_an_expired_token_is_answered_with_401(client: Client) -> None:
    token = client.exchange(client.code()).json()["access_token"]
    header = {"Authorization": f"Bearer {token}"}
    assert client.sandbox.expire_token(token)
    assert client.api("GET", "/api/v1/accounts/verify_credentials", headers=header).status_code == 401
    assert not client.sandbox.is_valid(token)
    assert not client.sandbox.expire_token(client.sandbox.token), "it was not issued to an app"


def test_a_forgotten_app_is_an_invalid_client_until_it_registers_again(client: Client, anonymous: Api) -> None:
    code = client.code()
    assert client.sandbox.forget_app(client.client_id)
    assert error_of(client.exchange(code)) == (401, "invalid_client")
    with pytest.raises(NotPossible, match="not registered"):
        client.sandbox.approve(client.url())
    again = make_client(client.sandbox, anonymous)
    assert again.exchange(again.code()).status_code == 200
    assert not client.sandbox.forget_app(client.client_id)


def test_the_server_describes_itself(sandbox: SandboxHandle, anonymous: Api) -> None:
    told = anonymous.get("/.well-known/oauth-authorization-server")
    assert told["issuer"] == f"{sandbox.url}/"
    assert told["token_endpoint"] == f"{sandbox.url}/oauth/token"
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert set(SCOPES.split()) < set(told["scopes_supported"])


@pytest.fixture
def person() -> Iterator[Person]:
    somebody = Person("demo")
    yield somebody
    somebody.session.close()


def test_a_code_can_be_shown_instead_of_sent(sandbox: SandboxHandle, anonymous: Api, person: Person) -> None:
    client = make_client(sandbox, anonymous, redirect_uris="urn:ietf:wg:oauth:2.0:oob")
    with pytest.raises(NotPossible, match="Copy this code"):
        person.approve(client.url(redirect_uri="urn:ietf:wg:oauth:2.0:oob"))
