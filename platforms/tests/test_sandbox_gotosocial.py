"""The sandbox as GoToSocial: edits in JSON that lose what they leave out, and pictures that change in silence."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from platforms.sandbox.testing import Picture, SandboxHandle, running_sandbox
from platforms.tests.api import Api, full_edit


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[SandboxHandle]:
    with running_sandbox(tmp_path, with_samples=False, like="gotosocial") as handle:
        yield handle


def rich_status(sandbox: SandboxHandle, **values: Any) -> str:
    pictures = [Picture("Already described"), Picture(None, focus="0.5,-0.5")]
    fields: dict[str, Any] = {
        "pictures": pictures,
        "spoiler_text": "Careful",
        "sensitive": True,
        "language": "de",
        "visibility": "unlisted",
        "content_type": "text/markdown",
    }
    return sandbox.add_status("Text with #Tag for @observatory", **fields | values)


def described(before: Any, *texts: str) -> list[dict[str, str]]:
    return [
        {"id": one["id"], "description": text} for one, text in zip(before["media_attachments"], texts, strict=True)
    ]


def test_a_full_edit_changes_the_alt_text_and_nothing_else(sandbox: SandboxHandle, api: Api) -> None:
    status_id = rich_status(sandbox)
    before = sandbox.status(status_id)
    edit = full_edit(before, media_attributes=described(before, "Already described", "  <b>New</b>\r\n"))
    assert api("PUT", f"/api/v1/statuses/{status_id}", json=edit).status_code == 200
    after = sandbox.status(status_id)
    assert after["media_attachments"][1]["description"] == "  <b>New</b>\r\n"  # as it came
    assert after["media_attachments"][1]["meta"] == before["media_attachments"][1]["meta"]
    before["media_attachments"][1]["description"] = after["media_attachments"][1]["description"]
    assert after | {"edited_at": None} == before
    assert after["interaction_policy"]["can_reply"]["always"] == ["public", "me"]
    assert (sandbox.edits(status_id), sandbox.media_writes(status_id)) == (1, 0)
    assert len(api.get(f"/api/v1/statuses/{status_id}/history")) == 2


@pytest.mark.parametrize(
    ("omitted", "field", "value"),
    [
        ("status", "text", ""),
        ("media_ids", "media_attachments", []),
        ("spoiler_text", "spoiler_text", ""),
        ("sensitive", "sensitive", False),
        ("language", "language", "en"),
        ("content_type", "content_type", "text/markdown"),
        ("visibility", "visibility", "unlisted"),
    ],
)
def test_what_an_omitted_field_does(sandbox: SandboxHandle, api: Api, omitted: str, field: str, value: Any) -> None:
    status_id = rich_status(sandbox)
    edit = full_edit(sandbox.status(status_id), content_type="text/markdown")
    edit.pop(omitted, None)
    answer = api("PUT", f"/api/v1/statuses/{status_id}", json=edit)
    assert answer.status_code == (422 if omitted in ("content_type", "visibility") else 200)
    assert sandbox.status(status_id)[field] == value


def test_before_0_19_the_content_type_is_lost(tmp_path: Path) -> None:
    with running_sandbox(tmp_path / "old", with_samples=False, like="gotosocial", version="0.18.3") as sandbox:
        api = Api(sandbox, sandbox.token)
        status_id = rich_status(sandbox)
        assert "content_type" not in api.get(f"/api/v1/statuses/{status_id}/source")
        api("PUT", f"/api/v1/statuses/{status_id}", json=full_edit(sandbox.status(status_id)))
        assert sandbox.status(status_id)["content_type"] == "text/plain"
        api.session.close()


def test_before_0_18_nothing_can_be_edited_but_pictures_can(tmp_path: Path) -> None:
    with running_sandbox(tmp_path / "old", with_samples=False, like="gotosocial", version="0.17.0") as sandbox:
        api = Api(sandbox, sandbox.token)
        status_id = rich_status(sandbox)
        path = f"/api/v1/statuses/{status_id}"
        assert api("PUT", path, json=full_edit(sandbox.status(status_id))).status_code == 404
        assert api.get(f"{path}/source")["text"] == "Text with #Tag for @observatory"
        media = f"/api/v1/media/{sandbox.status(status_id)['media_attachments'][1]['id']}"
        assert api("PUT", media, json={"description": "New"}).status_code == 200
        assert (sandbox.edits(status_id), sandbox.media_writes(status_id)) == (0, 1)
        api.session.close()


def test_a_description_left_out_of_the_attributes_is_wiped_and_a_focus_stays(sandbox: SandboxHandle, api: Api) -> None:
    status_id = rich_status(sandbox, pictures=[Picture("Gone", focus="0.1,0.2"), Picture("Stays")])
    before = sandbox.status(status_id)
    edit = full_edit(before, media_attributes=[{"id": before["media_attachments"][0]["id"]}])
    assert api("PUT", f"/api/v1/statuses/{status_id}", json=edit).status_code == 200
    after = sandbox.status(status_id)["media_attachments"]
    assert [one["description"] for one in after] == [None, "Stays"]
    assert after[0]["meta"]["focus"] == {"x": 0.1, "y": 0.2}


def test_a_poll_left_out_is_removed(sandbox: SandboxHandle, api: Api) -> None:
    status_id = sandbox.add_status(poll=["Yes", "No"])
    api("PUT", f"/api/v1/statuses/{status_id}", json=full_edit(sandbox.status(status_id)))
    assert sandbox.status(status_id)["poll"] is None


def test_attributes_in_a_form_are_ignored(sandbox: SandboxHandle, api: Api) -> None:
    status_id = sandbox.add_status("Text")
    media_id = sandbox.status(status_id)["media_attachments"][0]["id"]
    form = [
        ("status", "Text"),
        ("media_ids[]", media_id),
        ("media_attributes[][id]", media_id),
        ("media_attributes[][description]", "New"),
    ]
    path = f"/api/v1/statuses/{status_id}"
    answer = api("PUT", path, data=form)
    assert (answer.status_code, "status was not changed" in answer.text) == (422, True)
    assert api("PUT", path, data=[("spoiler_text", "Now other"), *form]).status_code == 200
    after = sandbox.status(status_id)
    assert (after["spoiler_text"], after["media_attachments"][0]["description"]) == ("Now other", None)


def test_an_edit_after_writing_the_picture_is_no_change(sandbox: SandboxHandle, api: Api) -> None:
    status_id = sandbox.add_status()
    before = sandbox.status(status_id)
    api("PUT", f"/api/v1/media/{before['media_attachments'][0]['id']}", json={"description": "New"})
    edit = full_edit(before, media_attributes=described(before, "New"))
    assert api("PUT", f"/api/v1/statuses/{status_id}", json=edit).status_code == 422
    assert sandbox.edits(status_id) == 0


def test_attributes_need_the_ids_and_ids_must_exist(sandbox: SandboxHandle, api: Api) -> None:
    status_id, other = rich_status(sandbox), rich_status(sandbox)
    before = sandbox.status(status_id)
    foreign = sandbox.status(other)["media_attachments"][0]["id"]
    attributes = described(before, "One", "Two")
    path = f"/api/v1/statuses/{status_id}"
    for edit in (
        {"status": "x", "media_attributes": attributes},
        full_edit(before, media_ids=[foreign]),
        full_edit(before, media_ids=["01HZZZZZZZZZZZZZZZZZZZZZZZ"]),
        full_edit(before, media_attributes=[{"id": foreign, "description": "x"}]),
    ):
        assert api("PUT", path, json=edit).status_code == 400
    assert sandbox.status(status_id) == before


def test_a_picture_is_described_in_silence_and_cleaned(sandbox: SandboxHandle, api: Api) -> None:
    status_id = rich_status(sandbox)
    before = sandbox.status(status_id)
    path = f"/api/v1/media/{before['media_attachments'][1]['id']}"
    answer = api("PUT", path, json={"description": " <b>x</b> & <i>y</i>\r\nz "})
    assert answer.json()["description"] == "x & y\nz"
    assert api.get(path)["description"] == "x & y\nz"
    after = sandbox.status(status_id)
    assert (after["edited_at"], after["media_attachments"][1]["description"]) == (None, "x & y\nz")
    assert (sandbox.edits(status_id), sandbox.media_writes(status_id)) == (0, 1)
    assert len(api.get(f"/api/v1/statuses/{status_id}/history")) == 1
    api("PUT", path, json={"focus": "0,1"})
    assert sandbox.status(status_id)["media_attachments"][1]["description"] == "x & y\nz"
    assert api("PUT", path, json={"description": "a\0b"}).json()["description"] == "a\0b"


def test_pictures_of_others_are_not_there(sandbox: SandboxHandle, api: Api) -> None:
    foreign = sandbox.status(sandbox.add_status(username="observatory"))["media_attachments"][0]["id"]
    assert api("PUT", f"/api/v1/media/{foreign}", json={"description": "x"}).status_code == 404


def test_alt_texts_have_a_longest_and_a_shortest_length(sandbox: SandboxHandle, api: Api) -> None:
    sandbox.set_alt_limits(20, minimum=3)
    assert api.get("/api/v2/instance")["configuration"]["media_attachments"]["description_limit"] == 20
    status_id = sandbox.add_status()
    before = sandbox.status(status_id)
    path = f"/api/v1/media/{before['media_attachments'][0]['id']}"
    sent = {"😀" * 20: 200, "😀" * 21: 400, "ab": 400, "abc": 200}
    assert {text: api("PUT", path, json={"description": text}).status_code for text in sent} == sent
    # The way through the post does not look at the length.
    edit = full_edit(before, media_attributes=described(before, "x" * 2000))
    assert api("PUT", f"/api/v1/statuses/{status_id}", json=edit).status_code == 200


def test_an_interaction_policy_of_its_own_stays(sandbox: SandboxHandle, api: Api) -> None:
    policy = '{"can_reply": {"always": ["me"], "with_approval": []}}'
    status_id = rich_status(sandbox, interaction_policy=policy)
    before = sandbox.status(status_id)
    edit = full_edit(before, media_attributes=described(before, "One", "Two"))
    assert api("PUT", f"/api/v1/statuses/{status_id}", json=edit).status_code == 200
    assert sandbox.status(status_id)["interaction_policy"] == {"can_reply": {"always": ["me"], "with_approval": []}}


def test_its_owner_gets_private_and_direct_posts_with_a_link(sandbox: SandboxHandle, api: Api) -> None:
    made = [sandbox.add_status(visibility=kind) for kind in ("public", "unlisted", "private", "direct")]
    url, seen = f"{sandbox.url}/api/v1/accounts/{sandbox.account_id}/statuses?limit=2", []
    while url:
        answer = api.session.get(url, timeout=10)
        seen += [one["id"] for one in answer.json()]
        url = answer.links.get("next", {}).get("url", "")
    assert seen == made[::-1]
