"""Real snac servers that none of us wrote, each with a folder, a port and a process of its own.

with running_snac("2.96", tmp_path) as snac:
    status_id = snac.add_status("Hello.", pictures=2)
    client = client_for(...)  # snac.url, snac.token

The fixture `real_snac` (vedfolnir/tests/plugin.py) gives one of every version in turn. Where a version is not on this
machine the test is skipped; `scripts.snac` fetches them. What scripts/test says about them at its end it reads from the
names of the tests: keep the version in the name of a test or class that uses `running_snac` itself (`Snac296Tests`).
"""

import hashlib
import json
import os
import re
import secrets
import signal
import subprocess
import time
import unittest
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from requests import Response, Session
from requests.exceptions import ConnectionError as NotReached

from platforms.sandbox import drawings
from platforms.sandbox.testing import Picture
from scripts.services import free_port, own_process
from scripts.snac import SnacMissing, command
from vedfolnir.tests.live import wait_until

Json = Any
DEMO = "demo"
CALLBACK = "http://127.0.0.1:9/callback"  # nobody listens there; the code is read from the redirect
FULL_SCOPES = "read write follow"
_REQUEST = re.compile(r"mastoapi_(get|post|put|patch|delete)_handler (/\S*) (\d{3})$", re.MULTILINE)


class SnacError(Exception):
    """snac did not do what a test needed from it."""


class _Form(HTMLParser):
    """The first form of a page: its address and its hidden fields."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.hidden: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.action = self.action or given.get("action") or ""
        elif tag == "input" and given.get("type") == "hidden":
            self.hidden[given.get("name") or ""] = given.get("value") or ""


@dataclass(frozen=True)
class Asked:
    """A request as snac's log names it."""

    method: str
    path: str  # without the query
    status: int


@dataclass
class RealSnac:
    """A running snac. `token` belongs to the account demo and may read and write.

    Posts are made and read through the API, as any client does. Ids are strings; an edit gives a post a new one, so
    keep its `uri` where you need it for longer.
    """

    version: str
    data: Path
    port: int
    words: Sequence[str] = field(repr=False)
    token: str = field(default="", repr=False)
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    passwords: dict[str, str] = field(default_factory=dict, repr=False)  # by account
    apps: dict[str, dict[str, str]] = field(default_factory=dict, repr=False)  # by token: what revoking it takes

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def allowed(self) -> tuple[str, ...]:
        """For OUTBOUND_ALLOW, or the `allow` of a client."""
        return (f"127.0.0.1:{self.port}",)

    @property
    def account_id(self) -> str:
        """Id of the account demo."""
        return str(self.api("GET", "/api/v1/accounts/verify_credentials").json()["id"])

    @property
    def public_page(self) -> str:
        """Address of demo's public page."""
        return f"{self.url}/{DEMO}"

    @property
    def log(self) -> str:
        """What the server said so far."""
        return (self.data / "log").read_text(encoding="utf-8", errors="replace")

    def requests(self, method: str = "", path_prefix: str = "/") -> list[Asked]:
        """What was asked of the API so far and answered, oldest first."""
        found = [Asked(verb.upper(), path, int(status)) for verb, path, status in _REQUEST.findall(self.log)]
        return [one for one in found if method in ("", one.method) and one.path.startswith(path_prefix)]

    def start(self) -> None:
        """Start (again) on the same data and port. Raises SnacError when it does not."""
        with (self.data / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*own_process(signal.SIGKILL), *self.words, "httpd", str(self.data)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=os.environ | {"DEBUG": "1"},  # its log names every request of the API
            )
        wait_until(lambda: self._has_ended() or self._answers(), f"snac {self.version} to answer")
        if self._has_ended():
            raise SnacError(f"snac {self.version} did not start. Its last words:\n{self.log[-2000:]}")

    def _has_ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def _answers(self) -> bool:
        try:
            return self.send("GET", "/nodeinfo_2_0").status_code == 200
        except NotReached:
            return False

    def stop(self) -> None:
        """End it at once: its own farewell takes two seconds, and its data are files that are written whole."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def send(self, method: str, path: str, *, token: str | None = None, **options: Any) -> Response:
        """One request on a connection of its own (snac closes kept ones without a word); any answer is returned."""
        headers = {"Connection": "close"} | ({"Authorization": f"Bearer {token}"} if token else {})
        address = path if path.startswith("http") else self.url + path
        with Session() as session:
            session.trust_env = False
            return session.request(method, address, headers=headers, timeout=30, allow_redirects=False, **options)

    def api(self, method: str, path: str, **options: Any) -> Response:
        """The same in demo's name (or `token`'s); raises SnacError for anything but a good answer."""
        answer = self.send(method, path, **{"token": self.token, **options})
        if not answer.ok:
            raise SnacError(f"snac {self.version}: {method} {path}: {answer.status_code} {answer.text[:200]}")
        return answer

    def account(self, name: str) -> str:
        """Make an account and return a token of it, with all scopes."""
        done = subprocess.run(
            [*self.words, "adduser", str(self.data), name],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        password = re.search(r"^User password is (\S+)$", done.stdout, re.MULTILINE)
        if password is None:
            raise SnacError(f"snac {self.version} made no account {name}: {done.stdout}{done.stderr}")
        self.passwords[name] = password.group(1)
        return self.issue_token(name)

    def issue_token(self, username: str = DEMO, scopes: str = FULL_SCOPES) -> str:
        """Another token, by snac's own OAuth: an app, its page, the form with name and password, the code."""
        told = {"client_name": "Vedfolnir's tests", "redirect_uris": CALLBACK, "scopes": scopes}
        app = self.api("POST", "/api/v1/apps", token=None, json=told).json()
        state = secrets.token_urlsafe(16)
        asked = {
            "response_type": "code",
            "client_id": app["client_id"],
            "redirect_uri": CALLBACK,
            "scope": scopes,
            "state": state,
        }
        form = _Form(self.api("GET", "/oauth/authorize", token=None, params=asked).text)
        answers = form.hidden | {"login": username, "passwd": self.passwords[username]}
        sent_on = self.send("POST", form.action, data=answers).headers.get("Location", "")
        given = parse_qs(urlsplit(sent_on).query)
        if given.get("state") != [state]:
            raise SnacError(f"snac {self.version} did not sign {username} in; it sent us to {sent_on!r}")
        proof = {"client_id": app["client_id"], "client_secret": app["client_secret"]}
        asked = proof | {"grant_type": "authorization_code", "redirect_uri": CALLBACK, "code": given["code"][0]}
        token = str(self.api("POST", "/oauth/token", token=None, json=asked).json()["access_token"])
        self.apps[token] = proof
        return token

    def upload(self, picture: Picture, *, number: int = 0, token: str | None = None) -> Json:
        """Upload a picture that no post has yet; without data, number `number` of the small ones is drawn."""
        data = drawings.plain(number) if picture.data is None else picture.data
        # snac takes the alt text as it comes only from here; an empty field would be an alt text for it.
        fields = {} if picture.description is None else {"description": picture.description}
        files = {"file": (f"picture-{number}.png", data, "image/png")}
        return self.api("POST", "/api/v2/media", token=token or self.token, data=fields, files=files).json()

    def add_status(
        self,
        text: str = "A post of the test.",
        *,
        pictures: int | Sequence[Picture] = 1,
        username: str = DEMO,
        token: str | None = None,
        **values: Any,
    ) -> str:
        """Publish a post and return its id.

        `pictures` may be a number (that many, without alt text). `values` are fields of the API: spoiler_text,
        sensitive, language, visibility, in_reply_to_id. `token` is that of an account other than demo.
        """
        if username != DEMO and token is None:
            token = self.issue_token(username)
        chosen = [Picture() for _ in range(pictures)] if isinstance(pictures, int) else pictures
        media = [self.upload(one, number=number, token=token)["id"] for number, one in enumerate(chosen)]
        body: dict[str, Any] = {"status": text, "media_ids": media, **values}
        return str(self.api("POST", "/api/v1/statuses", token=token or self.token, json=body).json()["id"])

    def status(self, status_id: str) -> Json:
        """A post as its owner gets it from the API. Raises LookupError when it is gone."""
        answer = self.send("GET", f"/api/v1/statuses/{quote(status_id, safe='')}", token=self.token)
        if answer.status_code == 404:
            raise LookupError(f"There is no status {status_id}.")
        return answer.json()

    def source(self, status_id: str) -> Json:
        """The source of a post."""
        return self.api("GET", f"/api/v1/statuses/{quote(status_id, safe='')}/source").json()

    def _file(self, uri: str) -> Path:
        digest = hashlib.md5(uri.encode(), usedforsecurity=False).hexdigest()
        return self.data / "object" / digest[:2] / f"{digest}.json"

    def stored(self, uri: str) -> Json:
        """A post as snac keeps it and sends it to other servers (ActivityPub): more than its API shows."""
        return json.loads(self._file(uri).read_text(encoding="utf-8"))

    def change_stored(self, uri: str, **values: Any) -> None:
        """Make a post that the API would not make; None takes a field away."""
        kept = {name: value for name, value in (self.stored(uri) | values).items() if value is not None}
        self._file(uri).write_text(json.dumps(kept), encoding="utf-8")

    def age(self, uri: str, *, seconds: int = 3600) -> None:
        """Let a post be older: its id begins with the second of its last change."""
        then = time.time() - seconds
        os.utime(self._file(uri), (then, then))

    def edit(self, status_id: str, body: Mapping[str, Any], *, token: str | None = None) -> Json:
        """Edit a post with exactly this body; what the server answers."""
        path = f"/api/v1/statuses/{quote(status_id, safe='')}"
        return self.api("PUT", path, json=body, token=token or self.token).json()

    def edit_text(self, status_id: str, text: str) -> str:
        """Edit a post as its author would in another client; its id from then on."""
        return str(self.edit(status_id, everything(self.status(status_id)) | {"status": text})["id"])

    def delete_status(self, status_id: str, *, username: str = DEMO) -> None:
        """Delete a post by the button of its owner's page; the API of 2.75 cannot."""
        uri = self.status(status_id)["uri"]
        pressed = {"id": uri, "actor": f"{self.url}/{username}", "action": "Delete"}
        proof = (username, self.passwords[username])
        self.send("POST", f"/{username}/admin/action", data=pressed, auth=proof)
        if self.send("GET", f"/api/v1/statuses/{quote(status_id, safe='')}", token=self.token).ok:
            raise SnacError(f"snac {self.version} did not delete {uri}.")

    def revoke(self, token: str) -> None:
        """End a token: from now on it speaks for nobody."""
        self.api("POST", "/oauth/revoke", token=None, json=self.apps.pop(token) | {"token": token})


def everything(before: Json) -> dict[str, Any]:
    """What an edit sends so that nothing is lost, all but the text and the alt texts."""
    return {
        "spoiler_text": before["spoiler_text"],
        "sensitive": before["sensitive"],
        "language": before["language"],
        "visibility": before["visibility"],
        "media_ids": [one["id"] for one in before["media_attachments"]],
    }


def _made(version: str, words: Sequence[str], data: Path) -> RealSnac:
    """The folder of a new server, with a free port in its settings; nothing runs yet."""
    snac = RealSnac(version, data, free_port(), words)
    answers = f"127.0.0.1\n{snac.port}\n127.0.0.1:{snac.port}\n\n\n"  # address, port, host, prefix, mail
    done = subprocess.run([*words, "init", str(data)], input=answers, capture_output=True, text=True, check=False)
    settings = data / "server.json"
    if not settings.is_file():
        raise SnacError(f"snac {version} did not make its folder: {done.stdout}{done.stderr}")
    # More threads than snac takes of itself: it delivers to its own accounts through its own address, and with all
    # threads waiting for it that takes half a minute.
    chosen = json.loads(settings.read_text(encoding="utf-8")) | {"protocol": "http", "num_threads": 16}
    settings.write_text(json.dumps(chosen), encoding="utf-8")
    return snac


@contextmanager
def running_snac(version: str, folder: Path) -> Iterator[RealSnac]:
    """Serve a new snac from `folder` until the block ends, with the account demo and no posts.

    Raises unittest.SkipTest (which pytest knows too) where this version is not on the machine.
    """
    try:
        words = command(version)
    except SnacMissing as error:
        raise unittest.SkipTest(str(error)) from error
    snac = _made(version, words, folder / f"snac-{version}")
    try:
        snac.start()
        snac.token = snac.account(DEMO)
        yield snac
    finally:
        snac.stop()
