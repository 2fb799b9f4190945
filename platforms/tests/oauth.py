"""A bare OAuth client, for tests that ask the sandbox as an app would."""

import hashlib
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import requests

from platforms.sandbox.testing import SandboxHandle
from platforms.tests.api import Api

BACK = "https://captions.example/oauth/callback"
VERIFIER = "a-verifier-of-at-least-43-characters-0123456789"
CHALLENGE = urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
SCOPES = "read:accounts read:statuses write:statuses"


@dataclass(frozen=True)
class Client:
    """An app that has registered."""

    sandbox: SandboxHandle
    api: Api
    client_id: str
    secret: str

    def url(self, **changes: str | None) -> str:
        """Where a person is sent; a change to None leaves that parameter out."""
        asked: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": BACK,
            "scope": SCOPES,
            "state": "a state",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        given = {name: value for name, value in (asked | changes).items() if value is not None}
        return f"{self.sandbox.url}/oauth/authorize?{urlencode(given)}"

    def code(self, **changes: str | None) -> str:
        """A code that the account demo allowed."""
        return code_in(self.sandbox.approve(self.url(**changes)))

    def exchange(self, code: str, /, **changes: Any) -> requests.Response:
        """Ask for a token, as JSON."""
        asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER}
        return self.api("POST", "/oauth/token", json={**asked, **self.credentials, **changes})

    def revoke(self, token: str) -> requests.Response:
        """Ask for the end of a token."""
        return self.api("POST", "/oauth/revoke", json={"token": token, **self.credentials})

    def works(self, token: str) -> bool:
        """Whether the sandbox says whose token this is."""
        header = {"Authorization": f"Bearer {token}"}
        return self.api("GET", "/api/v1/accounts/verify_credentials", headers=header).status_code == 200

    @property
    def credentials(self) -> dict[str, str]:
        """What the app shows of itself."""
        return {"client_id": self.client_id, "client_secret": self.secret}


def make_client(sandbox: SandboxHandle, api: Api, **changes: Any) -> Client:
    """Register an app."""
    asked = {"client_name": "Vedfolnir", "redirect_uris": BACK, "scopes": SCOPES, **changes}
    answer = api("POST", "/api/v1/apps", json=asked)
    assert answer.status_code == 200, answer.text
    return Client(sandbox, api, answer.json()["client_id"], answer.json()["client_secret"])


def code_in(target: str) -> str:
    """The code in the address that a person is sent back to."""
    return parse_qs(urlsplit(target).query)["code"][0]
