"""Secrets pushed through every path of a whole installation, and nothing of them where people or programs can look.

The installation runs as an operator runs it, with everything logged. Afterwards each place is searched that is not the
secret's own: the logs of all processes, every command that Redis got and every key that it has, each page, each column
of each table, dumps, what commands print. Whatever the sandbox itself records is not ours.
"""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
import redis
import requests
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from platforms.sandbox.testing import SandboxHandle, running_sandbox
from vedfolnir.tests.compose import command_of
from vedfolnir.tests.live import Installation, free_port, installation, wait_until

STORED = {name: f"canary-{name.replace('_', '-')}-7f3a" for name in ("refresh_token", "client_key", "client_secret")}
CALLBACK = {"code": "canary-oauth-code-91c2", "state": "canary-oauth-state-44d0"}
# Where servers send people back to, and an address that nobody has; with what is answered in the end.
CALLBACKS = {"/platforms/oauth/return": 200, "/no/such/page/": 404}
PASSWORD, WRONG_PASSWORD, NEW_PASSWORD = (f"canary-{word}-password-5b1e" for word in ("right", "wrong", "new"))
MODEL_KEY = "canary-model-key-8e07"
CIPHERTEXT = "gAAAA"
TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table'",
    "mysql": "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()",
}
STORE = """
import json, os
from platforms.models import PlatformConnection
row = PlatformConnection.objects.get(name="S")
for name, secret in json.loads(os.environ["STORED"]).items():
    setattr(row, name, secret)
row.save()
"""
SIGN_IN = """
import json; from platforms.models import SignIn
row = SignIn.objects.latest("pk")
print(json.dumps({f"verifier {row.pk}": row.verifier, f"client secret {row.pk}": row.client_secret}))
"""
GRANTED = """
import json; from platforms.models import PlatformConnection
row = PlatformConnection.objects.get(name="O")
print(json.dumps({"access token of O": row.access_token}))
"""
APPROVE = """
from captions.models import Image; from captions import actions; from accounts.models import User
user = User.objects.get()
for image in Image.objects.awaiting_review():
    actions.approve(image, text=f"Alt text of picture {image.pk}.", reviewer=user)
"""


@dataclass
class Search:
    """What was seen where, and the secrets to look for."""

    secrets: dict[str, str] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)

    def add(self, where: str, text: str) -> str:
        self.seen[where] = self.seen.get(where, "") + text
        return text

    def findings(self) -> list[str]:
        return [
            f"{name} in {where}: {_around(text, form)}"
            for where, text in self.seen.items()
            for name, secret in self.secrets.items()
            for form in {secret, quote(secret), json.dumps(secret)[1:-1]}
            if form in text
        ]


def _around(text: str, secret: str) -> str:
    at = text.index(secret)
    return repr(text[max(0, at - 200) : at + 20])


class Browser:
    """A person at the pages; every body that they get is searched."""

    def __init__(self, url: str, search: Search) -> None:
        self.url = url
        self.search = search
        self.session = requests.Session()

    def get(self, path: str, *, status: int = 200) -> str:
        response = self.session.get(self.url + path, timeout=60)
        assert response.status_code == status, (path, response.status_code)
        return self.search.add(f"page {path}", response.text)

    def post(self, path: str, *, page: str | None = None, **form: str) -> str:
        """Send a form as the page at `page` (that of the form itself, if None) has it."""
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.session.get(self.url + (page or path)).text)
        assert token, page or path
        response = self.session.post(self.url + path, {"csrfmiddlewaretoken": token.group(1), **form}, timeout=60)
        return self.search.add(f"answer of {path}", response.text)

    @property
    def cookies(self) -> dict[str, str]:
        return {name: value for name, value in self.session.cookies.items() if "session" in name and value}


@contextmanager
def monitored(url: str, search: Search) -> Iterator[None]:
    """Every command that any client sends to Redis meanwhile, and every key that it has at the end."""
    heard: list[str] = []
    ready = threading.Event()
    end = f"the end of {id(search)}"

    def listen() -> None:
        with redis.Redis.from_url(url) as client, client.monitor() as monitor:
            ready.set()
            for command in monitor.listen():
                heard.append(str(command["command"]))
                if end in heard[-1]:
                    return

    listener = threading.Thread(target=listen)
    listener.start()
    assert ready.wait(20)
    with redis.Redis.from_url(url) as client:
        try:
            yield
        finally:
            client.echo(end)
            listener.join()
        search.add("what Redis was sent", "\n".join(heard))
        search.add("what Redis has", "\n".join(f"{key!r} {_value(client, key)!r}" for key in client.scan_iter()))
    assert "caption_images" in search.seen["what Redis was sent"]  # the messages of tasks pass there


def _value(client: Any, key: bytes) -> Any:
    read: dict[bytes, Callable[[], Any]] = {
        b"string": lambda: client.get(key),
        b"hash": lambda: client.hgetall(key),
        b"list": lambda: client.lrange(key, 0, -1),
        b"set": lambda: client.smembers(key),
        b"zset": lambda: client.zrange(key, 0, -1, withscores=True),
    }
    return read[client.type(key)]()


@contextmanager
def leaking_model_server() -> Iterator[str]:
    """An OpenAI-compatible server that repeats the key: by turns in the text of an error and in a description."""
    turns = iter(range(10_000))

    def answer(request: Request) -> Response:
        said = f"The sign reads {request.headers.get('Authorization', '').removeprefix('Bearer ')}"
        body: dict[str, Any] = {"choices": [{"message": {"content": said}, "finish_reason": "stop"}]}
        bad = next(turns) % 2 == 0
        return Response(json.dumps({"error": {"message": said}} if bad else body), 400 if bad else 200)

    with HTTPServer() as server:
        server.expect_request("/v1/chat/completions").respond_with_handler(answer)
        yield server.url_for("/v1")
        assert len(server.log) >= 6  # it was asked for every picture


def set_up(live: Installation, sandbox: SandboxHandle, search: Search, models: str) -> None:
    live.environment |= {"OUTBOUND_ALLOW": sandbox.url.removeprefix("http://"), "LOG_LEVEL": "DEBUG"}
    live.environment |= {"CAPTION_ENGINE": "openai,basic", "OPENAI_BASE_URL": models, "OPENAI_MODEL": "leaking"}
    live.environment |= {"OPENAI_API_KEY": MODEL_KEY}
    for command in ("migrate", "createcachetable"):
        search.add(command, live.manage(command))
    live.manage("collectstatic", "--no-input")
    known = ("--no-input", "--username=canary", "--email=canary@example.org")
    search.add("createsuperuser", live.manage("createsuperuser", *known, DJANGO_SUPERUSER_PASSWORD=PASSWORD))
    token = live.folder / "token"
    token.write_text(sandbox.token)
    wish = ("--user=canary", "--name=S", f"--instance={sandbox.url}", f"--token-file={token}")
    search.add("connect_platform --dry-run", live.manage("connect_platform", *wish, "--dry-run"))
    search.add("connect_platform", live.manage("connect_platform", *wish))
    token.unlink()
    search.add("shell", live.manage("shell", "-c", STORE, STORED=json.dumps(STORED)))


def sign_in(browser: Browser, search: Search) -> None:
    page = "/account/login/"
    for password in (WRONG_PASSWORD, PASSWORD):
        browser.post(page, login="canary", password=password)
    assert browser.cookies
    for number, cookie in enumerate(browser.cookies.values()):
        search.secrets[f"session cookie {number}"] = cookie
    browser.post(
        "/account/password/", oldpassword=PASSWORD, password1=NEW_PASSWORD, password2=NEW_PASSWORD
    )  # and with the old one, which is wrong by now
    browser.post("/account/password/", oldpassword=PASSWORD, password1=PASSWORD, password2=PASSWORD)
    for number, cookie in enumerate(browser.cookies.values()):
        search.secrets[f"later session cookie {number}"] = cookie


def go_the_way(live: Installation, sandbox: SandboxHandle, browser: Browser, search: Search) -> None:
    """Scan, draft, approve, publish; the server fails in between in several ways."""
    for number in range(3):
        sandbox.add_status(f"Post {number}", pictures=2)
    sandbox.fault("html", path_prefix="/api/v1/accounts/", status=200)
    search.add("generate_captions", live.manage("generate_captions", "--connection=S"))
    live.wait_for("SELECT COUNT(*) FROM caption_generation_tasks WHERE status = 'failed'", 1)
    sandbox.fault(500, path_prefix="/api/v1/accounts/")
    search.add("generate_captions", live.manage("generate_captions", "--connection=S"))
    try_until(live, "SELECT COUNT(*) FROM images WHERE captioned_at IS NOT NULL", 6)
    sandbox.fault(500, method="PUT", path_prefix="/api/v1/statuses/")
    sandbox.fault("html", method="PUT", path_prefix="/api/v1/statuses/", skip=1, after=True)
    search.add("approve", live.manage("shell", "-c", APPROVE))
    try_until(live, "SELECT COUNT(*) FROM publications WHERE status = 'posted'", 3)
    wish = {"instance_url": sandbox.url, "name": "S", "token": sandbox.token}
    browser.post("/platforms/connect/", **wish)
    browser.post("/platforms/connect/", **wish | {"instance_url": "http://10.1.2.3"})
    browser.post("/platforms/connect/", **wish | {"name": "x" * 200})
    browser.post("/platforms/1/test/", page="/platforms/1/")


def connect_by_oauth(live: Installation, sandbox: SandboxHandle, browser: Browser, search: Search) -> None:
    """There and back, with a code that is used twice, and an app that the server forgot."""
    wish = {"instance_url": sandbox.url, "name": "O", "token": ""}
    for forgotten in (True, False):
        page = browser.post("/platforms/connect/", **wish)
        found = re.search(rf'href="({re.escape(sandbox.url)}/oauth/authorize[^"]+)"', page)
        assert found, page
        link = unescape(found[1])
        search.secrets |= secrets_of(live, SIGN_IN)
        back = urlsplit(sandbox.approve(link, "observatory"))
        search.secrets[f"code {forgotten}"] = parse_qs(back.query)["code"][0]
        if forgotten:
            sandbox.forget_app(parse_qs(urlsplit(link).query)["client_id"][0])
        for _ in range(2):
            browser.get(f"{back.path}?{back.query}")
    search.secrets |= secrets_of(live, GRANTED)
    browser.post("/platforms/2/sign-in/", page="/platforms/2/")
    browser.get("/platforms/2/remove/")


def secrets_of(live: Installation, script: str) -> dict[str, str]:
    """What the script prints: the one thing here that is not searched."""
    printed = live.manage("shell", "-c", script)
    found: dict[str, str] = json.loads(next(line for line in printed.splitlines() if line.startswith("{")))
    return found


def try_until(live: Installation, sql: str, expected: int) -> None:
    """Wait for the query's value, and let what waits for its next try come at once."""
    later = "next_attempt_at IS NOT NULL AND error_message IS NOT NULL"

    def arrived() -> bool:
        live.execute(f"UPDATE caption_generation_tasks SET next_attempt_at = created_at WHERE {later}")
        live.execute(
            "UPDATE publications SET next_attempt_at = created_at WHERE status = 'queued' AND leased_until IS NULL"
        )
        live.execute("UPDATE platform_connections SET paused_until = NULL")
        return bool(live.value(sql) >= expected)

    wait_until(arrived, sql)


def revoke(live: Installation, sandbox: SandboxHandle, browser: Browser, search: Search) -> None:
    """The server takes the token back; a scan, a test, a new connection with it."""
    sandbox.revoke(sandbox.token)
    browser.post("/platforms/1/test/", page="/platforms/1/")
    search.add("scan --wait", live.manage("scan", "--connection=S", "--wait", status=1))
    browser.post("/platforms/connect/", instance_url=sandbox.url, name="S", token=sandbox.token)


def look_everywhere(live: Installation, browser: Browser, search: Search) -> None:
    for path in ("/", "/platforms/", "/platforms/1/", "/platforms/1/remove/", "/tasks/", "/review/", "/publications/"):
        browser.get(path)
    browser.get("/publications/1/")
    for path, status in CALLBACKS.items():
        browser.get(f"{path}?{urlencode(CALLBACK)}", status=status)
    index = browser.get("/admin/")
    lists = sorted(set(re.findall(r'href="(/admin/\w+/\w+/)"', index)))
    assert len(lists) > 5
    for address in lists:
        page = browser.get(address)
        for change in sorted(set(re.findall(rf'href="({address}[^"/]+/change/)', page)))[:2]:
            browser.get(change)
            browser.get(change.replace("/change/", "/history/"))
    for command in (
        ("list_tasks", "--all"),
        ("rotate_encryption_key",),
        ("rotate_encryption_key", "--check"),
        ("check", "--deploy"),
        ("dumpdata",),
    ):
        search.add(" ".join(command), live.manage(*command))
    for process in live.processes:
        search.add(f"log of {process.name}", process.output())
    search.add("files", "\n".join(_files(live.folder)))


def _files(folder: Path) -> Iterator[str]:
    """What lies in the data folder, but for the sandbox and the database, which is searched by its columns."""
    for path in folder.rglob("*"):
        if path.is_file() and "sqlite3" not in path.name:
            yield path.read_bytes().decode(errors="replace")


def dump(live: Installation) -> str:
    """Every column of every row."""
    tables = TABLES["sqlite" if live.database_url.startswith("sqlite") else "mysql"]
    names = [name for (name,) in live.rows(tables)]
    assert "platform_connections" in names
    return "\n".join(repr(row) for name in names for row in live.rows(f"SELECT * FROM {name}"))


def assert_nothing_found(live: Installation, search: Search) -> None:
    search.add("the database", dump(live))
    assert search.findings() == []
    assert CIPHERTEXT in search.seen["the database"]
    ciphertext = {where: text for where, text in search.seen.items() if where != "the database"}
    assert [where for where, text in ciphertext.items() if CIPHERTEXT in text] == []


def searched(sandbox: SandboxHandle) -> Search:
    secrets = {"access token": sandbox.token, "model key": MODEL_KEY, **STORED, **CALLBACK}
    return Search(secrets | {"password": PASSWORD, "wrong password": WRONG_PASSWORD, "new password": NEW_PASSWORD})


@pytest.mark.services
@pytest.mark.slow
def test_no_secret_is_anywhere_on_mariadb_and_redis(tmp_path: Path) -> None:
    port = free_port()
    with (
        running_sandbox(tmp_path, with_samples=False) as sandbox,
        installation(tmp_path, services=True) as live,
        leaking_model_server() as models,
    ):
        search = searched(sandbox)
        set_up(live, sandbox, search, models)
        browser = Browser(f"http://127.0.0.1:{port}", search)
        with monitored(live.environment["REDIS_URL"], search):
            live.start("web", *command_of("web", bind=f"127.0.0.1:{port}"))
            for service in ("worker-io", "worker-captions", "beat"):
                live.start(service, *command_of(service, state=tmp_path))
            wait_until(lambda: answers(browser.url), "the web server")
            sign_in(browser, search)
            go_the_way(live, sandbox, browser, search)
            connect_by_oauth(live, sandbox, browser, search)
            revoke(live, sandbox, browser, search)
            look_everywhere(live, browser, search)
        assert_nothing_found(live, search)


@pytest.mark.slow
def test_no_secret_is_anywhere_without_services(tmp_path: Path) -> None:
    port = free_port()
    with (
        running_sandbox(tmp_path, with_samples=False) as sandbox,
        installation(tmp_path, services=False) as live,
        leaking_model_server() as models,
    ):
        search = searched(sandbox)
        set_up(live, sandbox, search, models)
        browser = Browser(f"http://127.0.0.1:{port}", search)
        live.start("serve", "manage.py", "serve", "--port", str(port))
        wait_until(lambda: answers(browser.url), "the web server")
        sign_in(browser, search)
        go_the_way(live, sandbox, browser, search)
        connect_by_oauth(live, sandbox, browser, search)
        revoke(live, sandbox, browser, search)
        look_everywhere(live, browser, search)
        assert_nothing_found(live, search)


def answers(url: str) -> bool:
    with closing(requests.Session()) as session:
        try:
            return session.get(f"{url}/healthz", timeout=5).ok
        except (requests.ConnectionError, requests.Timeout):
            return False


@pytest.mark.parametrize("text", ['x canary%2Fé"y', quote('canary%2Fé"y'), json.dumps({"a": 'canary%2Fé"y'})])
def test_the_search_finds_what_is_there_in_every_form(text: str) -> None:
    search = Search({"it": 'canary%2Fé"y'}, {"here": text, "there": "nothing"})
    (found,) = search.findings()
    assert found.startswith("it in here: ")
