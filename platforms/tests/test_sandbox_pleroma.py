"""The sandbox as Pleroma: pictures are described at the upload, and an edit copies that into the post."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from platforms.sandbox.testing import Picture, SandboxHandle, running_sandbox
from platforms.tests.api import Api, full_edit


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[SandboxHandle]:
    with running_sandbox(tmp_path, with_samples=False, like="pleroma") as handle:
        yield handle


def test_an_edit_after_writing_the_upload_copies_it_into_the_post(sandbox: SandboxHandle, api: Api) -> None:
    status_id = sandbox.add_status("Text", pictures=[Picture("Before"), Picture()], content_type="text/markdown")
    before = sandbox.status(status_id)
    media_id = before["media_attachments"][1]["id"]
    assert api("PUT", f"/api/v1/media/{media_id}", json={"description": "New"}).json()["description"] == "New"
    assert sandbox.status(status_id) == before  # only the upload changed
    assert api.get(f"/api/v1/media/{media_id}")["description"] == "New"
    assert (sandbox.edits(status_id), sandbox.media_writes(status_id)) == (0, 1)

    edit = full_edit(before, content_type="text/markdown")
    assert api("PUT", f"/api/v1/statuses/{status_id}", json=edit).status_code == 200
    after = sandbox.status(status_id)
    assert [one["description"] for one in after["media_attachments"]] == ["Before", "New"]
    before["media_attachments"][1]["description"] = "New"
    assert after | {"edited_at": None} == before
    assert sandbox.edits(status_id) == 1
    assert api.get(f"/api/v1/statuses/{status_id}/source")["content_type"] == "text/markdown"


def test_attributes_are_not_in_the_schema(sandbox: SandboxHandle, api: Api) -> None:
    status_id = sandbox.add_status()
    before = sandbox.status(status_id)
    given = [{"id": before["media_attachments"][0]["id"], "description": "New"}]
    edit = full_edit(before, status="Other", language="de", media_attributes=given)
    assert api("PUT", f"/api/v1/statuses/{status_id}", json=edit).status_code == 200
    after = sandbox.status(status_id)
    assert (after["media_attachments"][0]["description"], after["language"]) == (None, None)


@pytest.mark.parametrize(
    ("omitted", "field", "value"),
    [
        ("media_ids", "media_attachments", []),
        ("spoiler_text", "spoiler_text", ""),
        ("sensitive", "sensitive", False),
        ("poll", "poll", None),
        ("visibility", "visibility", "private"),
    ],
)
def test_what_an_omitted_field_does(sandbox: SandboxHandle, api: Api, omitted: str, field: str, value: Any) -> None:
    poll = ["Yes", "No"]
    status_id = sandbox.add_status("Text", spoiler_text="Careful", sensitive=True, visibility="private", poll=poll)
    edit = full_edit(sandbox.status(status_id), poll={"options": poll, "expires_in": 3600})
    edit.pop(omitted, None)
    assert api("PUT", f"/api/v1/statuses/{status_id}", json=edit).status_code == 200
    assert sandbox.status(status_id)[field] == value


def test_a_content_type_left_out_is_plain_text_again(sandbox: SandboxHandle, api: Api) -> None:
    status_id = sandbox.add_status("*Text*", content_type="text/markdown")
    path = f"/api/v1/statuses/{status_id}"
    assert api("PUT", path, json=full_edit(sandbox.status(status_id))).status_code == 200
    assert api.get(f"{path}/source")["content_type"] == "text/plain"


def test_posts_of_old_versions_show_ids_that_lead_nowhere(sandbox: SandboxHandle, api: Api) -> None:
    status_id = sandbox.add_status()
    real = sandbox.status(status_id)["media_attachments"][0]["id"]
    sandbox.hash_media_ids(status_id)
    before = sandbox.status(status_id)
    shown = before["media_attachments"][0]["id"]
    assert shown != real
    assert api("GET", f"/api/v1/media/{shown}").status_code == 404
    assert api("PUT", f"/api/v1/media/{shown}", json={"description": "x"}).status_code == 404
    assert api("PUT", f"/api/v1/statuses/{status_id}", json=full_edit(before)).status_code == 200
    assert sandbox.status(status_id)["media_attachments"] == []  # dropped silently


def test_pictures_of_others_are_not_there(sandbox: SandboxHandle, api: Api) -> None:
    foreign = sandbox.status(sandbox.add_status(username="observatory"))["media_attachments"][0]["id"]
    assert api("PUT", f"/api/v1/media/{foreign}", json={"description": "x"}).status_code == 404


def test_from_2_7_there_is_a_second_instance_object(tmp_path: Path) -> None:
    with running_sandbox(tmp_path / "new", with_samples=False, like="pleroma", version="2.7.0") as sandbox:
        api = Api(sandbox, None)
        assert api.get("/api/v2/instance")["version"] == "2.7.2 (compatible; Pleroma 2.7.0)"
        assert api.get("/api/v1/instance")["description_limit"] == 5000
        api.session.close()
