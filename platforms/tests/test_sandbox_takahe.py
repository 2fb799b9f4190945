"""The sandbox as Takahē: edits publish what was private, so pictures are described one by one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from platforms.sandbox.testing import Picture, SandboxHandle, running_sandbox
from platforms.tests.api import Api, full_edit


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[SandboxHandle]:
    with running_sandbox(tmp_path, with_samples=False, like="takahe") as handle:
        yield handle


def test_a_slash_at_the_end_is_another_address(sandbox: SandboxHandle, api: Api) -> None:
    assert api("GET", "/api/v1/instance").status_code == 200
    answer = api("GET", "/api/v1/instance/")
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert api("GET", "/nodeinfo/2.0").status_code == 404


def test_a_bad_token_is_refused_also_where_none_is_needed(sandbox: SandboxHandle, api: Api) -> None:
    answer = api("GET", f"/api/v1/statuses/{sandbox.add_status()}", headers={"Authorization": "Bearer x"})
    assert (answer.status_code, answer.text) == (400, "Invalid Bearer token")


def test_only_media_repeats_a_post_for_each_picture(sandbox: SandboxHandle, api: Api) -> None:
    three, none, one = sandbox.add_status(pictures=3), sandbox.add_status(pictures=0), sandbox.add_status()
    path = f"/api/v1/accounts/{sandbox.account_id}/statuses"
    assert [item["id"] for item in api.get(path, only_media="true")] == [one, three, three, three]
    assert [item["id"] for item in api.get(path, only_media="true", limit=2)] == [one, three]
    assert [item["id"] for item in api.get(path)] == [one, none, three]


def test_private_and_direct_posts_are_not_listed_even_to_their_owner(sandbox: SandboxHandle, api: Api) -> None:
    ids = {kind: sandbox.add_status(visibility=kind) for kind in ("public", "unlisted", "private", "direct")}
    listed = api.get(f"/api/v1/accounts/{sandbox.account_id}/statuses")
    assert {one["id"] for one in listed} == {ids["public"], ids["unlisted"]}
    assert {one["language"] for one in listed} == {None}
    assert api.get(f"/api/v1/statuses/{ids['private']}")["visibility"] == "private"


@pytest.mark.parametrize("visibility", ["unlisted", "private", "direct"])
def test_a_full_edit_makes_the_post_public_and_turns_the_order(
    sandbox: SandboxHandle, api: Api, visibility: str
) -> None:
    status_id = sandbox.add_status(pictures=[Picture("One"), Picture("Two")], visibility=visibility)
    before = sandbox.status(status_id)
    assert api("PUT", f"/api/v1/statuses/{status_id}", json=full_edit(before)).status_code == 200
    after = sandbox.status(status_id)
    assert after["visibility"] == "public"
    assert [one["description"] for one in after["media_attachments"]] == ["Two", "One"]
    assert sandbox.edits(status_id) == 1


def test_what_omitted_fields_do(sandbox: SandboxHandle, api: Api) -> None:
    status_id = sandbox.add_status("Text", spoiler_text="Careful", sensitive=True, poll=["Yes", "No"])
    path = f"/api/v1/statuses/{status_id}"
    media_id = sandbox.status(status_id)["media_attachments"][0]["id"]
    assert api("PUT", path, json={"media_ids": [media_id]}).status_code == 400
    without = {"status": "Text", "media_ids": [media_id], "media_attributes": [{"id": media_id}]}
    assert api("PUT", path, json=without).status_code == 400
    assert sandbox.edits(status_id) == 0
    assert api("PUT", path, json={"status": "Text"}).status_code == 200
    after = sandbox.status(status_id)
    assert (after["media_attachments"], after["spoiler_text"], after["sensitive"]) == ([], "", False)
    assert after["poll"] is not None


def test_attributes_set_the_description_and_not_the_focus(sandbox: SandboxHandle, api: Api) -> None:
    status_id = sandbox.add_status()
    before = sandbox.status(status_id)
    given = [{"id": before["media_attachments"][0]["id"], "description": "New", "focus": "1,1"}]
    assert api("PUT", f"/api/v1/statuses/{status_id}", json=full_edit(before, media_attributes=given)).ok
    after = sandbox.status(status_id)["media_attachments"][0]
    assert after["description"] == "New"
    assert "focus" not in after["meta"]


def test_a_picture_is_described_and_an_absent_text_erases(sandbox: SandboxHandle, api: Api) -> None:
    status_id = sandbox.add_status(visibility="private")
    media_id = sandbox.status(status_id)["media_attachments"][0]["id"]
    path = f"/api/v1/media/{media_id}"
    long = "é" * 4000
    assert api("PUT", path, json={"description": long, "focus": "1,1"}).json()["description"] == long
    after = sandbox.status(status_id)
    assert (after["visibility"], after["edited_at"]) == ("private", None)
    assert after["media_attachments"][0]["description"] == long
    assert "focus" not in after["media_attachments"][0]["meta"]
    assert api.get(path)["description"] == long
    assert (sandbox.edits(status_id), sandbox.media_writes(status_id)) == (0, 1)
    api("PUT", path, json={"focus": "0,0"})
    assert sandbox.status(status_id)["media_attachments"][0]["description"] is None


def test_odd_ids_and_nul_break_the_server_and_others_see_nothing(sandbox: SandboxHandle, api: Api) -> None:
    mine = sandbox.status(sandbox.add_status())["media_attachments"][0]["id"]
    foreign = sandbox.status(sandbox.add_status(username="observatory"))["media_attachments"][0]["id"]
    broken = api("PUT", "/api/v1/media/abc", json={"description": "x"})
    assert (broken.status_code, broken.headers["Content-Type"]) == (500, "text/html; charset=utf-8")
    assert api("PUT", f"/api/v1/media/{mine}", json={"description": "a\0b"}).status_code == 500
    assert api("PUT", f"/api/v1/media/{foreign}", json={"description": "x"}).status_code == 404
