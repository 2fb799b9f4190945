"""What the sandbox says to those who read: who it is, posts, pages, samples; and its command."""

import io
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from django.core.management import CommandError, call_command
from PIL import Image

from platforms.sandbox import drawings, samples, store
from platforms.sandbox.database import Database
from platforms.sandbox.testing import Picture, SandboxHandle, running_sandbox
from platforms.tests.api import Api


def test_nodeinfo_names_mastodon(sandbox: SandboxHandle, anonymous: Api) -> None:
    href = anonymous.get("/.well-known/nodeinfo")["links"][0]["href"]
    assert href == f"{sandbox.url}/nodeinfo/2.0"
    assert anonymous.get("/nodeinfo/2.0")["software"] == {"name": "mastodon", "version": "4.4.0"}


def test_instance_tells_its_limits(anonymous: Api) -> None:
    configuration = anonymous.get("/api/v2/instance")["configuration"]
    assert configuration["media_attachments"]["description_limit"] == 1500
    assert configuration["statuses"]["max_characters"] == 500
    assert anonymous.get("/api/v2/instance")["api_versions"] == {"mastodon": 6}
    assert anonymous.get("/api/v1/instance/")["configuration"]["statuses"]["max_media_attachments"] == 4


def test_a_token_says_whose_it_is(api: Api, sandbox: SandboxHandle) -> None:
    who = api.get("/api/v1/accounts/verify_credentials")
    assert (who["id"], who["acct"], who["source"]["privacy"]) == (sandbox.account_id, "demo", "public")


def test_a_wrong_token_is_answered_with_401(sandbox: SandboxHandle, anonymous: Api) -> None:
    answer = anonymous("GET", "/api/v1/accounts/verify_credentials", headers={"Authorization": "Bearer nonsense"})
    assert (answer.status_code, answer.json()) == (401, {"error": "The access token is invalid"})
    assert "X-RateLimit-Remaining" in answer.headers


def test_a_revoked_token_is_answered_with_401_even_where_none_is_needed(sandbox: SandboxHandle, api: Api) -> None:
    assert sandbox.revoke(sandbox.token)
    answer = api("GET", f"/api/v1/accounts/{sandbox.account_id}/statuses")
    assert (answer.status_code, answer.json()) == (401, {"error": "The access token was revoked"})


def test_a_token_that_may_only_read_cannot_edit(sandbox: SandboxHandle, anonymous: Api) -> None:
    status_id = sandbox.add_status()
    header = {"Authorization": f"Bearer {sandbox.issue_token(scopes='read:accounts read:statuses')}"}
    assert anonymous("GET", f"/api/v1/statuses/{status_id}/source", headers=header).status_code == 200
    answer = anonymous("PUT", f"/api/v1/statuses/{status_id}", headers=header, json={"status": "x"})
    assert answer.status_code == 403
    assert sandbox.status(status_id)["text"] == "A post of the test."


def test_the_database_does_not_contain_the_token(sandbox: SandboxHandle, api: Api) -> None:
    api.get("/api/v1/accounts/verify_credentials")
    for file in sandbox.database.parent.iterdir():
        assert sandbox.token.encode() not in file.read_bytes()


def test_walking_by_link_headers_meets_every_post_once(sandbox: SandboxHandle, api: Api) -> None:
    start = datetime.now(UTC) - timedelta(days=1)
    made = [sandbox.add_status(str(n), pictures=0, created_at=start + timedelta(minutes=n)) for n in range(7)]
    url, seen, pages = f"{sandbox.url}/api/v1/accounts/{sandbox.account_id}/statuses?limit=3", [], 0
    while url:
        answer = api.session.get(url, timeout=10)
        seen += [one["id"] for one in answer.json()]
        url, pages = answer.links.get("next", {}).get("url", ""), pages + 1
    assert (seen, pages) == (made[::-1], 3)


def test_min_id_pages_forward_and_since_id_gives_the_newest(sandbox: SandboxHandle, api: Api) -> None:
    start = datetime.now(UTC) - timedelta(days=1)
    made = [sandbox.add_status(str(n), pictures=0, created_at=start + timedelta(minutes=n)) for n in range(5)]
    path = f"/api/v1/accounts/{sandbox.account_id}/statuses"
    assert [one["id"] for one in api.get(path, min_id=made[0], limit=2)] == [made[2], made[1]]
    assert [one["id"] for one in api.get(path, since_id=made[0], limit=2)] == [made[4], made[3]]
    assert [one["id"] for one in api.get(path, max_id=made[2])] == [made[1], made[0]]


def test_a_page_has_forty_posts_at_most(sandbox: SandboxHandle, api: Api) -> None:
    for number in range(42):
        sandbox.add_status(str(number), pictures=0)
    path = f"/api/v1/accounts/{sandbox.account_id}/statuses"
    assert (len(api.get(path)), len(api.get(path, limit=200))) == (20, 40)


def test_filters_leave_out_what_they_say(sandbox: SandboxHandle, api: Api) -> None:
    picture = sandbox.add_status("picture")
    text = sandbox.add_status("text", pictures=0)
    other = sandbox.add_status("other", username="observatory")
    to_self = sandbox.add_status("thread", pictures=0, in_reply_to_id=text)
    reply = sandbox.add_status("reply", pictures=0, in_reply_to_id=other)
    boost = sandbox.add_status("", pictures=0, reblog_of_id=other)
    path = f"/api/v1/accounts/{sandbox.account_id}/statuses"

    def listed(**params: str) -> set[str]:
        return {one["id"] for one in api.get(path, **params)}

    assert listed() == {picture, text, to_self, reply, boost}
    assert listed(only_media="true") == {picture}
    assert listed(exclude_replies="1") == {picture, text, to_self, boost}
    assert listed(exclude_reblogs="true", exclude_replies="false") == {picture, text, to_self, reply}


def test_only_the_owner_sees_private_and_direct_posts(sandbox: SandboxHandle, api: Api, anonymous: Api) -> None:
    ids = {kind: sandbox.add_status(visibility=kind) for kind in ("public", "unlisted", "private", "direct")}
    path = f"/api/v1/accounts/{sandbox.account_id}/statuses"
    assert {one["visibility"] for one in api.get(path)} == set(ids)
    assert {one["visibility"] for one in anonymous.get(path)} == {"public", "unlisted"}
    assert anonymous("GET", f"/api/v1/statuses/{ids['private']}").status_code == 404
    assert anonymous("GET", f"/@demo/{ids['direct']}").status_code == 404
    assert anonymous("GET", f"/@demo/{ids['unlisted']}").status_code == 200


def test_content_is_html_made_from_the_source(sandbox: SandboxHandle, api: Api) -> None:
    text = "Hello @observatory & @nobody\n#Café <b>\n\nhttps://example.org/a?b=c&d=e."
    status_id = sandbox.add_status(text, pictures=0)
    status = api.get(f"/api/v1/statuses/{status_id}")
    assert status["content"].count("<p>") == 2
    assert f'href="{sandbox.url}/@observatory" class="u-url mention"' in status["content"]
    assert "&amp; @nobody<br />" in status["content"]
    assert "&lt;b&gt;" in status["content"]
    assert 'href="https://example.org/a?b=c&amp;d=e"' in status["content"]
    assert [one["acct"] for one in status["mentions"]] == ["observatory"]
    assert [one["name"] for one in status["tags"]] == ["café"]
    assert api.get(f"/api/v1/statuses/{status_id}/source")["text"] == text


def test_samples_show_what_a_describer_must_handle(sampled: SandboxHandle, api: Api) -> None:
    posts = api.get(f"/api/v1/accounts/{sampled.account_id}/statuses", limit=40)
    assert len(posts) >= 12
    assert {one["visibility"] for one in posts} == {"public", "unlisted", "private", "direct"}
    assert {one["language"] for one in posts} == {"en", "de", "fr", "ja", None}
    assert {len(one["media_attachments"]) for one in posts} == {0, 1, 2, 4}
    assert any(one["spoiler_text"] and one["sensitive"] for one in posts)
    assert any(one["poll"] and one["media_attachments"] for one in posts)
    assert sum(bool(one["reblog"]) for one in posts) == 1
    assert sum(bool(one["in_reply_to_id"]) for one in posts) == 1
    assert any("noai" in [tag["name"] for tag in one["tags"]] for one in posts)

    modes = set()
    for media in (media for one in posts for media in one["media_attachments"]):
        with Image.open(io.BytesIO(api.session.get(media["url"], timeout=10).content)) as picture:
            modes |= {picture.format, picture.mode}
            assert picture.getexif().get(0x0112) in (None, 6)
    assert modes >= {"JPEG", "PNG", "GIF", "WEBP", "CMYK", "RGBA", "L"}


def test_sample_pictures_are_the_same_every_time() -> None:
    for draw in (drawings.visitors_chart, drawings.invoice_scan, drawings.moon_animation):
        first = draw()
        draw.cache_clear()
        assert draw() == first


def test_seeding_again_keeps_edits_and_deletions(tmp_path: Path) -> None:
    with running_sandbox(tmp_path) as sandbox:
        status_id, gone = sandbox.sample("cat"), sandbox.sample("coffee")
        sandbox.edit_text(status_id, "Edited")
        sandbox.delete_status(gone)
    samples.seed(tmp_path / "sandbox.sqlite3")
    with running_sandbox(tmp_path) as sandbox:
        assert sandbox.status(status_id)["text"] == "Edited"
        assert sandbox.edits(status_id) == 1
        with pytest.raises(LookupError):
            sandbox.status(gone)


def test_the_public_page_shows_each_alt_text_twice(sandbox: SandboxHandle, anonymous: Api) -> None:
    alt = 'Sign: "Tea & <cake>"'
    status_id = sandbox.add_status("Hello", pictures=[Picture(alt), Picture(None)], spoiler_text="Food")
    for path in ("/@demo", f"/@demo/{status_id}"):
        answer = anonymous("GET", path)
        page = answer.text
        assert 'alt="Sign: &quot;Tea &amp; &lt;cake&gt;&quot;"' in page
        assert "ALT:</b> <span" in page
        assert "No alt text" in page
        assert "<summary>" in page
        assert "<script" not in page
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "1 of 2 pictures have alt text" in anonymous("GET", "/@demo").text


def test_the_public_page_hides_what_is_not_public(sampled: SandboxHandle, api: Api) -> None:
    page = api("GET", "/@demo").text
    assert "Rota for next week" not in page
    assert "scan of your invoice" not in page
    assert "La carte de demain" in page
    assert "boosted" in page
    assert "Henrietta" in page


def test_unknown_pages_are_missing(sandbox: SandboxHandle, anonymous: Api) -> None:
    for path in ("/@nobody", "/@demo/12", "/@demo/x/y", "/media/none.png", "/api/v1/nothing", "/elsewhere", "/@"):
        assert anonymous("GET", path).status_code == 404


def test_many_threads_edit_without_losing_one(sandbox: SandboxHandle) -> None:
    ids = [sandbox.add_status() for _ in range(12)]

    def edit(status_id: str) -> None:
        client = Api(sandbox, sandbox.token)
        client("PUT", f"/api/v1/statuses/{status_id}", json={"status": f"New {status_id}"})
        client.session.close()

    threads = [threading.Thread(target=edit, args=(one,)) for one in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [sandbox.status(one)["text"] for one in ids] == [f"New {one}" for one in ids]
    assert len(sandbox.requests("PUT")) == 12


def test_the_sandbox_does_not_import_django() -> None:
    code = "import sys, platforms.sandbox.testing; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# The command


def test_the_command_prints_a_token_that_works(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    database = tmp_path / "sandbox.sqlite3"
    call_command("sandbox", "--token", database=database)
    token = capsys.readouterr().out.strip()
    with Database(database).read() as db:
        found = store.find_token(db, token)
    assert found is not None
    assert found.username == "demo"


def test_reset_puts_the_samples_back_and_keeps_tokens(tmp_path: Path) -> None:
    database = tmp_path / "sandbox.sqlite3"
    with running_sandbox(tmp_path) as sandbox:
        sandbox.edit_text(sandbox.sample("cat"), "Edited")
        call_command("sandbox", "--reset", "--no-input", database=database)
        assert sandbox.status(sandbox.sample("cat"))["edited_at"] is None
        client = Api(sandbox, sandbox.token)
        assert client.get("/api/v1/accounts/verify_credentials")["id"] == sandbox.account_id
        client.session.close()


def test_the_command_refuses_addresses_that_others_can_reach(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="--public"):
        call_command("sandbox", "--host", "0.0.0.0", database=tmp_path / "sandbox.sqlite3")


def test_the_command_says_when_the_port_is_taken(sandbox: SandboxHandle) -> None:
    port = sandbox.url.rpartition(":")[2]
    with pytest.raises(CommandError, match="Try another --port"):
        call_command("sandbox", "--port", port, database=sandbox.database)


def test_the_command_refuses_a_port_that_there_is_not(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="'99999' is not a port"):
        call_command("sandbox", "--port", "99999", database=tmp_path / "sandbox.sqlite3")


@pytest.mark.parametrize(("options", "told"), [([], True), (["--connected"], False)])
def test_the_command_tells_how_to_connect_it_and_stops_when_it_is_asked_to(
    tmp_path: Path, options: list[str], told: bool
) -> None:
    database = str(tmp_path / "s.sqlite3")
    command = [sys.executable, "manage.py", "sandbox", "--port", "0", "--database", database, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().rsplit(" ", 1)[1].strip()
        assert "Café Kepler" in requests.get(url, timeout=10).content.decode()
        process.terminate()
        rest = process.stdout.read()
    assert process.returncode == 0
    assert "has stopped" in rest
    assert ("under Connections, with the token" in rest) is told


def test_a_file_of_another_version_is_not_touched(tmp_path: Path) -> None:
    database = tmp_path / "sandbox.sqlite3"
    with Database(database).read() as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(CommandError, match="another version"):
        call_command("sandbox", "--token", database=database)
