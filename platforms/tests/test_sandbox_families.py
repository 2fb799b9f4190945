"""What every family of the sandbox must do: say who it is, give ids in its shape, refuse in its words."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from platforms.sandbox import families
from platforms.sandbox.database import SCHEMA, Database
from platforms.sandbox.ids import FlakeIds
from platforms.sandbox.testing import Picture, SandboxHandle, running_sandbox
from platforms.tests.api import Api, Json

pytestmark = pytest.mark.once

ALL = list(families.FAMILIES)
NODEINFO = {"pixelfed": "/api/nodeinfo/2.0.json", "takahe": "/nodeinfo/2.0/", "snac": "/nodeinfo_2_0"}
WHO = "/api/v1/accounts/verify_credentials"


@contextmanager
def like(
    folder: Path, name: str, version: str | None = None, *, with_samples: bool = False
) -> Iterator[tuple[SandboxHandle, Api]]:
    with running_sandbox(folder, with_samples=with_samples, like=name, version=version) as sandbox:
        api = Api(sandbox, sandbox.token)
        try:
            yield sandbox, api
        finally:
            api.session.close()


def as_token(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


# Who it is


@pytest.mark.parametrize("name", ALL)
def test_nodeinfo_tells_name_and_version(tmp_path: Path, name: str) -> None:
    with like(tmp_path, name) as (sandbox, api):
        href: str = api.get("/.well-known/nodeinfo")["links"][0]["href"]
        path = NODEINFO.get(name, "/nodeinfo/2.0")
        host = "https://takahe.example" if name == "takahe" else sandbox.url
        assert href == host + path
        family = families.FAMILIES[name]
        assert api.get(path)["software"] == {"name": name, "version": family.default_version}


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("mastodon", "4.4.0"),
        ("gotosocial", "0.20.0"),
        ("pixelfed", "3.5.3 (compatible; Pixelfed 0.11.13)"),
        ("takahe", "takahe/0.11.0"),
        ("pleroma", "2.7.2 (compatible; Pleroma 2.6.0)"),
        ("snac", "4.0.0 (not true; really snac/2.96)"),
    ],
)
def test_instance_tells_its_version_in_its_own_way(tmp_path: Path, name: str, version: str) -> None:
    with like(tmp_path, name) as (_, api):
        assert api.get("/api/v1/instance")["version"] == version


@pytest.mark.parametrize(
    ("name", "version", "v1", "v2"),
    [
        ("mastodon", None, 1500, 1500),
        ("mastodon", "4.3.2", None, None),
        ("gotosocial", None, None, 1500),
        ("gotosocial", "0.19.1", None, None),
        ("pixelfed", None, None, None),
        ("takahe", None, None, None),
        ("snac", None, None, None),
        ("pleroma", None, None, None),
    ],
)
def test_where_the_limit_of_alt_texts_stands(
    tmp_path: Path, name: str, version: str | None, v1: int | None, v2: int | None
) -> None:
    with like(tmp_path, name, version) as (_, api):

        def limit(instance: Json) -> int | None:
            found: int | None = instance["configuration"]["media_attachments"].get("description_limit")
            return found

        old = api.get("/api/v1/instance")
        assert limit(old) == v1
        assert old.get("description_limit") == (5000 if name == "pleroma" else None)
        answer = api("GET", "/api/v2/instance")
        assert answer.status_code == (404 if name in ("snac", "pleroma") else 200)
        if answer.ok:
            assert limit(answer.json()) == v2


def test_old_mastodons_lack_what_came_later(tmp_path: Path) -> None:
    with like(tmp_path, "mastodon", "3.4.1") as (sandbox, api):
        status_id = sandbox.add_status()
        for method, path in (("GET", "/api/v2/instance"), ("GET", f"/api/v1/statuses/{status_id}/source")):
            assert api(method, path).status_code == 404
        assert api("PUT", f"/api/v1/statuses/{status_id}", json={"status": "x"}).status_code == 404
        assert sandbox.edits(status_id) == 0


def test_a_mastodon_before_4_1_drops_alt_texts_silently(tmp_path: Path) -> None:
    with like(tmp_path, "mastodon", "4.0.2") as (sandbox, api):
        status_id = sandbox.add_status()
        media_id = sandbox.status(status_id)["media_attachments"][0]["id"]
        edit = {
            "status": "New",
            "media_ids": [media_id],
            "media_attributes": [{"id": media_id, "description": "A hill"}],
        }
        assert api("PUT", f"/api/v1/statuses/{status_id}", json=edit).status_code == 200
        after = sandbox.status(status_id)
        assert (after["text"], after["media_attachments"][0]["description"]) == ("New", None)
        assert "api_versions" not in api.get("/api/v2/instance")
        assert "quote_approval" not in after


# Ids

SHAPES = {
    "mastodon": r"\d{18}",
    "gotosocial": "[0-9A-HJKMNP-TV-Z]{26}",
    "pixelfed": r"\d{18}",
    "takahe": r"\d{18}",
    "pleroma": "[0-9A-Za-z]{18}",
    "snac": "[0-9]{10}[0-9a-f]{32}",
}


@pytest.mark.parametrize("name", ALL)
def test_ids_have_the_shape_of_the_family_and_lead_back(tmp_path: Path, name: str) -> None:
    with like(tmp_path, name) as (sandbox, api):
        first = sandbox.add_status("First", pictures=0)
        status_id = sandbox.add_status("Second", pictures=2, in_reply_to_id=first)
        status = api.get(f"/api/v1/statuses/{status_id}")
        assert status["id"] == status_id
        assert status["in_reply_to_id"] == first
        assert status["account"]["id"] == api.get(WHO)["id"] == sandbox.account_id
        assert status["in_reply_to_account_id"] == sandbox.account_id
        assert api.get(f"/api/v1/accounts/{sandbox.account_id}")["username"] == "demo"
        assert api("GET", status["url"].removeprefix(sandbox.url)).status_code == 200
        assert {one["id"] for one in api.get(f"/api/v1/accounts/{sandbox.account_id}/statuses")} >= {first} or (
            name == "pixelfed"
        )
        picture = status["media_attachments"][0]
        assert api.session.get(picture["url"], timeout=10).headers["Content-Type"].startswith("image/")
        assert re.fullmatch(SHAPES[name], status_id)


@pytest.mark.parametrize("name", ALL)
def test_ids_that_never_were_are_not_found(tmp_path: Path, name: str) -> None:
    with like(tmp_path, name) as (sandbox, api):
        status_id = sandbox.add_status()
        for wrong in ("0", "x", status_id[:-1], status_id + "0", "9" * 40):
            assert api("GET", f"/api/v1/statuses/{wrong}").status_code == 404, wrong


def test_ulids_and_flake_ids_tell_upper_and_lower_case_apart(tmp_path: Path) -> None:
    with like(tmp_path, "gotosocial") as (sandbox, api):
        assert api("GET", f"/api/v1/statuses/{sandbox.add_status().lower()}").status_code == 404


def test_pleroma_can_have_two_ids_that_differ_by_case_alone(tmp_path: Path) -> None:
    with like(tmp_path, "pleroma") as (sandbox, api):
        first, second = sandbox.add_case_twins()
        assert first != second
        assert first.lower() == second.lower()
        assert [sandbox.status(one)["text"] for one in (first, second)] == ["The first twin.", "The second twin."]
        listed = [one["id"] for one in api.get(f"/api/v1/accounts/{sandbox.account_id}/statuses")]
        assert listed == [second, first]


def test_flake_ids_sort_by_time() -> None:
    numbers = [1 << 40, (1 << 40) + 1, (1 << 56) + 7, (1 << 57) + 65535]
    ids = [FlakeIds().encode("status", one) for one in numbers]
    assert ids == sorted(ids)
    assert [FlakeIds().decode("status", one) for one in ids] == numbers


def test_twins_exist_only_where_case_matters(tmp_path: Path) -> None:
    with like(tmp_path, "gotosocial") as (sandbox, _), pytest.raises(LookupError, match="Pleroma"):
        sandbox.add_case_twins()


# Tokens and scopes


@pytest.mark.parametrize(
    ("name", "status", "kind", "text"),
    [
        ("mastodon", 401, "application/json", "The access token is invalid"),
        ("gotosocial", 401, "application/json", "Unauthorized"),
        ("pixelfed", 401, "application/json", "Unauthenticated."),
        ("takahe", 400, "text/html", "Invalid Bearer token"),
        ("pleroma", 403, "application/json", "Invalid credentials."),
        ("snac", 422, "text/plain", ""),
    ],
)
def test_how_a_bad_token_is_refused(tmp_path: Path, name: str, status: int, kind: str, text: str) -> None:
    with like(tmp_path, name) as (sandbox, api):
        answer = api("GET", WHO, headers=as_token("nonsense"))
        assert (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) == (status, kind)
        assert text in answer.text
        assert bool(answer.text) is bool(text)
        sandbox.revoke(sandbox.token)
        assert api("GET", WHO).status_code == status


def test_snac_refuses_an_edit_with_401_and_pixelfed_a_reader_with_403(tmp_path: Path) -> None:
    with like(tmp_path / "snac", "snac") as (sandbox, api):
        answer = api("PUT", f"/api/v1/statuses/{sandbox.add_status()}", headers=as_token("x"), json={})
        assert (answer.status_code, answer.content) == (401, b"")
    with like(tmp_path / "pixelfed", "pixelfed") as (sandbox, api):
        answer = api("GET", f"/api/v1/statuses/{sandbox.add_status()}", headers=as_token("x"))
        assert answer.status_code == 403


LEAST = "read:accounts read:statuses write:statuses write:media"


@pytest.mark.parametrize(
    ("name", "scopes", "who", "edit"),
    [
        ("mastodon", LEAST, 200, 200),
        ("mastodon", "profile", 200, 403),
        ("gotosocial", LEAST, 200, 200),
        ("gotosocial", "read", 200, 403),
        ("takahe", LEAST, 403, 200),
        ("takahe", "read write", 200, 200),
        ("pixelfed", LEAST, 403, 403),
        ("pixelfed", "read", 200, 403),
        ("pixelfed", "read write", 200, 200),
        ("pleroma", LEAST, 200, 200),
        ("pleroma", "write", 403, 200),
        ("snac", "nothing", 200, 200),
    ],
)
def test_which_scopes_suffice(tmp_path: Path, name: str, scopes: str, who: int, edit: int) -> None:
    with like(tmp_path, name) as (sandbox, api):
        status_id = sandbox.add_status()
        header = as_token(sandbox.issue_token(scopes=scopes))
        assert api("GET", WHO, headers=header).status_code == who
        path = f"/api/v1/statuses/{status_id}"
        assert api("PUT", path, headers=header, json={"status": "New"}).status_code == edit


def test_a_missing_scope_is_refused_in_the_words_of_the_family(tmp_path: Path) -> None:
    words = {"takahe": "out_of_scope_for_token", "pixelfed": "Invalid scope(s)", "pleroma": "Insufficient permissions"}
    for name, text in words.items():
        with like(tmp_path / name, name) as (sandbox, api):
            answer = api("GET", WHO, headers=as_token(sandbox.issue_token(scopes="write")))
            assert (answer.status_code, text in answer.text) == (403, True), name


def test_an_old_gotosocial_does_not_look_at_scopes(tmp_path: Path) -> None:
    with like(tmp_path, "gotosocial", "0.18.3") as (sandbox, api):
        assert api("GET", WHO, headers=as_token(sandbox.issue_token(scopes="write"))).status_code == 200


# Rate limits


@pytest.mark.parametrize("name", ALL)
def test_who_tells_a_rate_limit(tmp_path: Path, name: str) -> None:
    with like(tmp_path, name) as (_, api):
        told = [header for header in api("GET", WHO).headers if header.startswith("X-RateLimit")]
        assert len(told) == (3 if name in ("mastodon", "gotosocial") else 0)


def test_gotosocial_counts_all_users_of_one_address_together(tmp_path: Path) -> None:
    with like(tmp_path, "gotosocial") as (sandbox, api):
        sandbox.set_rate_limit(3, per="address")
        other = as_token(sandbox.issue_token("observatory"))
        assert [api("GET", WHO, headers=other).status_code for _ in range(2)] == [200, 200]
        assert api("GET", WHO).status_code == 200
        answer = api("GET", WHO)
        assert (answer.status_code, answer.json()) == (429, {"error": "rate limit reached"})
        assert "Retry-After" not in answer.headers
        assert answer.headers["X-RateLimit-Reset"].endswith("Z")


# Routes that some lack


@pytest.mark.parametrize(
    ("name", "source", "history"),
    [
        ("mastodon", 200, 200),
        ("gotosocial", 200, 200),
        ("pixelfed", 404, 200),
        ("takahe", 200, 404),
        ("pleroma", 200, 200),
        ("snac", 200, 404),
    ],
)
def test_who_tells_source_and_history(tmp_path: Path, name: str, source: int, history: int) -> None:
    with like(tmp_path, name) as (sandbox, api):
        path = f"/api/v1/statuses/{sandbox.add_status()}"
        found = api("GET", f"{path}/source")
        assert found.status_code == source
        if found.ok:
            assert ("content_type" in found.json()) is (name in ("gotosocial", "pleroma"))
        assert api("GET", f"{path}/history").status_code == history


@pytest.mark.parametrize("name", ALL)
def test_unposted_pictures_can_be_described_everywhere(tmp_path: Path, name: str) -> None:
    with like(tmp_path, name, with_samples=True) as (sandbox, api):
        picture = api.session.get(sandbox.status(sandbox.sample("cat"))["media_attachments"][0]["url"], timeout=10)
        media = api("POST", "/api/v2/media", files={"file": ("a.jpg", picture.content)}).json()
        assert (
            api("PUT", f"/api/v1/media/{media['id']}", json={"description": "A cat"}).json()["description"] == "A cat"
        )
        post = api("POST", "/api/v1/statuses", json={"status": "Look", "media_ids": [media["id"]]}).json()
        shown = post["media_attachments"][0]
        assert shown["description"] == "A cat"
        assert (shown["id"] == media["id"]) is (name != "snac")
        assert sandbox.media_writes(post["id"]) == 0


# The file


def test_a_file_remembers_its_family(tmp_path: Path) -> None:
    with like(tmp_path, "pixelfed", "0.11.12") as (sandbox, _):
        status_id = sandbox.add_status(pictures=[Picture("Alt")])
    with pytest.raises(families.WrongFamily, match="like pixelfed, not like mastodon"), running_sandbox(tmp_path):
        pass
    with running_sandbox(tmp_path, like="pixelfed") as sandbox:
        assert (sandbox.family.name, sandbox.family.version) == ("pixelfed", "0.11.12")
        assert sandbox.status(status_id)["media_attachments"][0]["description"] == "Alt"
    with running_sandbox(tmp_path, like="pixelfed", version="0.12.5") as sandbox:
        assert sandbox.family.version == "0.12.5"


def test_a_file_from_before_families_is_a_mastodon(tmp_path: Path) -> None:
    old = SCHEMA.replace(
        " content_type TEXT NOT NULL DEFAULT 'text/plain',\n    links INTEGER NOT NULL DEFAULT 1,"
        " interaction_policy TEXT,",
        "",
    )
    assert old != SCHEMA
    db = sqlite3.connect(tmp_path / "sandbox.sqlite3")
    db.executescript(old)
    db.execute("PRAGMA user_version = 1")
    db.close()
    with running_sandbox(tmp_path) as sandbox:
        status_id = sandbox.sample("cat")
        sandbox.edit_text(status_id, "Edited")
        assert (sandbox.family.name, sandbox.status(status_id)["text"]) == ("mastodon", "Edited")
    with pytest.raises(families.WrongFamily):
        families.choose(tmp_path / "sandbox.sqlite3", "snac")


def test_the_command_makes_a_sandbox_of_a_family(tmp_path: Path) -> None:
    database = tmp_path / "sandbox.sqlite3"
    call_command("sandbox", "--token", "--like", "snac", "--like-version", "2.75", database=database)
    call_command("sandbox", "--token", database=database)  # takes what it is
    with pytest.raises(CommandError, match="--reset --like takahe"):
        call_command("sandbox", "--token", "--like", "takahe", database=database)
    assert families.opened(database).version == "2.75"
    call_command("sandbox", "--reset", "--no-input", database=database)
    assert (families.opened(database).name, families.opened(database).version) == ("snac", "2.75")
    call_command("sandbox", "--reset", "--no-input", "--like", "takahe", database=database)
    assert (families.opened(database).name, families.opened(database).version) == ("takahe", "0.11.0")


def test_the_command_refuses_versions_that_are_none(tmp_path: Path) -> None:
    database = tmp_path / "sandbox.sqlite3"
    with pytest.raises(CommandError, match="no version of mastodon"):
        call_command("sandbox", "--token", "--like-version", "newest", database=database)
    with Database(database).read() as db:
        assert families.of(db).version == "4.4.0"
    with pytest.raises(ValueError, match="There are: mastodon"):
        families.choose(database, "friendica")
