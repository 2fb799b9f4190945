"""The whole way of a picture, by a person in a browser: sign in, generate, watch, review, approve, find it outside."""

import re
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from platforms.sandbox.testing import SandboxHandle, running_sandbox
from vedfolnir.tests.browser import assert_accessible, chromium_page
from vedfolnir.tests.compose import command_of
from vedfolnir.tests.live import Installation, free_port, installation, wait_until

EDITED = "Edited by the reviewer: “quotes”, <angles>, an ampersand & an emoji 🛥."
OPEN = "SELECT COUNT(*) FROM publications WHERE status IN ('waiting', 'queued')"


@pytest.mark.browser
@pytest.mark.services
@pytest.mark.slow
def test_the_whole_way_on_mariadb_and_redis_by_the_commands_of_the_compose_file(tmp_path: Path) -> None:
    port = free_port()
    with running_sandbox(tmp_path) as sandbox, installation(tmp_path, services=True) as live:
        live.environment["OUTBOUND_ALLOW"] = sandbox.url.removeprefix("http://")
        live.manage("migrate", "--no-input")
        live.manage("collectstatic", "--no-input")
        password = password_of("reviewer", live.manage("create_demo_data", "--sandbox-url", sandbox.url))
        live.start("web", *command_of("web", bind=f"127.0.0.1:{port}"))
        for service in ("worker-io", "worker-captions", "beat"):
            live.start(service, *command_of(service, state=tmp_path))
        go_the_whole_way(live, sandbox, f"http://127.0.0.1:{port}", password)


@pytest.mark.browser
@pytest.mark.slow
def test_the_whole_way_with_one_command_and_no_services(tmp_path: Path) -> None:
    port, sandbox_port = free_port(), free_port()
    address = f"127.0.0.1:{sandbox_port}"
    with installation(tmp_path, services=False, OUTBOUND_ALLOW=address) as live:
        serve = live.start(
            "serve", "manage.py", "serve", "--demo", "--port", str(port), "--sandbox-port", str(sandbox_port)
        )
        password = wait_until(lambda: find_password("reviewer", serve.output()), "the reviewer's password")
        sandbox = SandboxHandle(tmp_path / "sandbox.sqlite3", f"http://{address}", "unused")
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/healthz"), "the web server")
        go_the_whole_way(live, sandbox, f"http://127.0.0.1:{port}", password)
        assert serve.stop() == 0


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.ConnectionError:
        return False


def find_password(name: str, output: str) -> str | None:
    found = re.search(rf"\b{name}\b\W+(?:password\W+)?(\S{{12,}})", output)
    return found.group(1) if found else None


def password_of(name: str, output: str) -> str:
    password = find_password(name, output)
    assert password, output
    return password


def go_the_whole_way(live: Installation, sandbox: SandboxHandle, url: str, password: str) -> None:
    before = remote_posts(sandbox)
    with chromium_page(url) as page:
        sign_in(page, "reviewer", password)
        page.get_by_role("button", name="Generate captions").first.click()
        live.wait_for("SELECT COUNT(*) FROM caption_generation_tasks WHERE status = 'completed'", 1)
        expect(page.get_by_text("completed", exact=False).first).to_be_visible()

        assert_accessible(
            page, "/", "/tasks/", "/review/", "/review/next/", "/platforms/", "/platforms/connect/", "/account/"
        )
        first = review_all(page, live)
        assert_accessible(page, "/review/", "/publications/", "/publications/1/")
        live.wait_for(OPEN, 0)

        public = f"{sandbox.url}/@demo/{first}"
        page.goto(public)
        expect(page.get_by_text(EDITED)).to_be_visible()
        assert EDITED in {one.get_attribute("alt") for one in page.get_by_role("img").all()}
    assert_only_alt_texts_changed(live, sandbox, before)


def sign_in(page: Page, name: str, password: str) -> None:
    page.goto("/")
    page.get_by_label(re.compile("user name|username|login|e-?mail", re.IGNORECASE)).first.fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def review_all(page: Page, live: Installation) -> str:
    """Edit and approve the first picture, approve every other draft as it is; the remote id of the first's post."""
    waiting = "SELECT COUNT(*) FROM images WHERE status = 'pending' AND captioned_at IS NOT NULL"
    count = live.value(waiting)
    assert count > 10
    page.goto("/review/next/")
    first = page.url.rstrip("/").rpartition("/")[2]
    page.locator("textarea[name=text]").fill(EDITED)
    page.get_by_role("button", name="Approve").click()
    for left in range(count - 1, 0, -1):
        live.wait_for(waiting, left)
        page.goto("/review/next/")
        expect(page.get_by_role("button", name="Keyboard")).to_be_visible()  # the script that knows the keys has run
        page.locator("textarea[name=text]").press("Control+Enter")
    live.wait_for(waiting, 0)
    return str(live.value(f"SELECT p.post_id FROM posts p JOIN images i ON i.post_id = p.id WHERE i.id = {int(first)}"))


def remote_posts(sandbox: SandboxHandle) -> dict[str, dict[str, Any]]:
    from platforms.sandbox import samples

    ids = [sandbox.sample(post.key) for post in samples.POSTS]
    return {one: sandbox.status(one) for one in ids}


def assert_only_alt_texts_changed(
    live: Installation, sandbox: SandboxHandle, before: dict[str, dict[str, Any]]
) -> None:
    approved = dict(live.rows("SELECT image_post_id, final_caption FROM images WHERE status = 'posted'"))
    refused = {row[0] for row in live.rows("SELECT p.post_id FROM posts p WHERE p.has_poll")}
    assert len(approved) > 10
    assert refused
    for status_id, was in before.items():
        now = sandbox.status(status_id)
        expected = [
            {**one, "description": approved.get(one["id"], one["description"])} for one in was["media_attachments"]
        ]
        assert now["media_attachments"] == expected
        assert without(now, "media_attachments", "edited_at") == without(was, "media_attachments", "edited_at")
        assert sandbox.edits(status_id) == (1 if expected != was["media_attachments"] else 0)
        assert status_id not in refused or now == was


def without(status: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in status.items() if name not in names}
