"""A bare client of the Mastodon API, for tests that ask the sandbox as a stranger would."""

from typing import Any

import requests

from platforms.sandbox.testing import SandboxHandle

Json = Any


class Api:
    """A client that sends exactly what a test says."""

    def __init__(self, sandbox: SandboxHandle, token: str | None) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self.url = sandbox.url
        if token:
            self.session.headers["Authorization"] = f"Bearer {token}"

    def __call__(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, self.url + path, timeout=10, **options)

    def get(self, path: str, **params: Any) -> Json:
        answer = self("GET", path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()


def full_edit(before: Json, **changes: Any) -> Json:
    """Everything that an edit must send again so that nothing is lost, with `changes`."""
    kept = {
        "status": before["text"],
        "spoiler_text": before["spoiler_text"],
        "sensitive": before["sensitive"],
        "language": before["language"],
        "media_ids": [one["id"] for one in before["media_attachments"]],
    }
    return kept | changes
