"""Publishing, editing and deleting on the sandbox: Mastodon's rules, traps included."""

import io
from typing import Any

import pytest
from PIL import Image

from platforms.sandbox import drawings
from platforms.sandbox.testing import Picture, SandboxHandle
from platforms.tests.api import Api, full_edit


def rich_status(sandbox: SandboxHandle, **values: Any) -> str:
    """A post with everything that an edit can lose, but a poll."""
    pictures = [Picture("Already described"), Picture(None, focus="0.5,-0.5")]
    fields: dict[str, Any] = {"pictures": pictures, "spoiler_text": "Careful", "sensitive": True, "language": "de"}
    return sandbox.add_status("Text with #Tag\nand a second line", **fields | values)


def test_a_full_edit_changes_the_alt_text_and_nothing_else(sandbox: SandboxHandle, api: Api) -> None:
    status_id = rich_status(sandbox, quote_policy="followers")
    before = sandbox.status(status_id)
    second = before["media_attachments"][1]["id"]
    text = "Schönes Bild 🖼"
    edit = full_edit(before, media_attributes=[{"id": second, "description": text}])
    assert api("PUT", f"/api/v1/statuses/{status_id}", json=edit).status_code == 200

    after = sandbox.status(status_id)
    assert after["media_attachments"][1]["description"] == text
    assert after["edited_at"] is not None
    before["media_attachments"][1]["description"] = text
    assert after | {"edited_at": None} == before
    assert sandbox.edits(status_id) == 1


def test_a_form_does_the_same_as_json(sandbox: SandboxHandle, api: Api) -> None:
    status_id = rich_status(sandbox)
    first, second = (one["id"] for one in sandbox.status(status_id)["media_attachments"])
    form = [
        ("status", "New text"),
        ("media_ids[]", first),
        ("media_ids[]", second),
        ("media_attributes[][id]", first),
        ("media_attributes[][description]", "One"),
        ("media_attributes[][id]", second),
        ("media_attributes[][description]", "Two"),
    ]
    assert api("PUT", f"/api/v1/statuses/{status_id}", data=form).status_code == 200
    after = sandbox.status(status_id)
    assert [one["description"] for one in after["media_attachments"]] == ["One", "Two"]
    assert (after["text"], after["spoiler_text"]) == ("New text", "")


@pytest.mark.parametrize(
    ("omitted", "field", "value"),
    [
        ("media_ids", "media_attachments", []),
        ("spoiler_text", "spoiler_text", ""),
        ("language", "language", "de"),
        ("sensitive", "sensitive", True),
        ("status", "text", "Careful"),
    ],
)
def test_what_an_edit_leaves_out_is_lost_as_on_mastodon(
    sandbox: SandboxHandle, api: Api, omitted: str, field: str, value: Any
) -> None:
    status_id = rich_status(sandbox)
    edit = full_edit(sandbox.status(status_id), sensitive=True)
    del edit[omitted]
    assert api("PUT", f"/api/v1/statuses/{status_id}", json=edit).status_code in (200, 422)
    assert sandbox.status(status_id)[field] == value


def test_sensitive_left_out_is_false_without_a_content_warning(sandbox: SandboxHandle, api: Api) -> None:
    status_id = rich_status(sandbox, spoiler_text="")
    edit = full_edit(sandbox.status(status_id))
    del edit["sensitive"]
    api("PUT", f"/api/v1/statuses/{status_id}", json=edit)
    assert sandbox.status(status_id)["sensitive"] is False


def test_the_content_warning_becomes_the_text_when_the_text_is_left_out(sandbox: SandboxHandle, api: Api) -> None:
    status_id = rich_status(sandbox)
    edit = full_edit(sandbox.status(status_id))
    del edit["status"]
    api("PUT", f"/api/v1/statuses/{status_id}", json=edit)
    after = sandbox.status(status_id)
    assert (after["text"], after["spoiler_text"]) == ("Careful", "")


def test_a_poll_left_out_is_destroyed(sandbox: SandboxHandle, api: Api) -> None:
    status_id = sandbox.add_status(poll=["Yes", "No"])
    before = sandbox.status(status_id)
    assert [one["title"] for one in before["poll"]["options"]] == ["Yes", "No"]
    assert api("PUT", f"/api/v1/statuses/{status_id}", json=full_edit(before)).status_code == 200
    assert sandbox.status(status_id)["poll"] is None


def test_a_poll_with_other_options_loses_its_votes(sampled: SandboxHandle, api: Api) -> None:
    status_id = sampled.sample("poll")
    before = sampled.status(status_id)
    options = [one["title"] for one in before["poll"]["options"]]
    same = full_edit(before, poll={"options": options, "expires_in": 3600})
    assert api("PUT", f"/api/v1/statuses/{status_id}", json=same).json()["poll"]["votes_count"] == 96
    other = full_edit(before, poll={"options": ["A", "B"], "expires_in": 3600})
    assert api("PUT", f"/api/v1/statuses/{status_id}", json=other).json()["poll"]["votes_count"] == 0


def test_removed_images_can_be_put_back(sandbox: SandboxHandle, api: Api) -> None:
    status_id = rich_status(sandbox)
    before = sandbox.status(status_id)
    api("PUT", f"/api/v1/statuses/{status_id}", json={"status": before["text"]})
    assert sandbox.status(status_id)["media_attachments"] == []
    api("PUT", f"/api/v1/statuses/{status_id}", json=full_edit(before))
    assert sandbox.status(status_id)["media_attachments"] == before["media_attachments"]


def test_the_order_of_images_is_the_order_that_was_sent(sandbox: SandboxHandle, api: Api) -> None:
    status_id = sandbox.add_status(pictures=3)
    before = sandbox.status(status_id)
    ids = [one["id"] for one in before["media_attachments"]]
    api("PUT", f"/api/v1/statuses/{status_id}", json=full_edit(before, media_ids=ids[::-1]))
    assert [one["id"] for one in sandbox.status(status_id)["media_attachments"]] == ids[::-1]


def test_unknown_media_are_dropped_and_attributes_of_others_skipped(sandbox: SandboxHandle, api: Api) -> None:
    mine, other = sandbox.add_status(), sandbox.add_status(pictures=[Picture("Leave me")])
    foreign = sandbox.status(other)["media_attachments"][0]["id"]
    before = sandbox.status(mine)
    edit = full_edit(before, media_attributes=[{"id": foreign, "description": "x"}])
    edit["media_ids"] += [foreign, "123456"]
    assert api("PUT", f"/api/v1/statuses/{mine}", json=edit).status_code == 200
    assert sandbox.status(mine)["media_attachments"] == before["media_attachments"]
    assert sandbox.status(other)["media_attachments"][0]["description"] == "Leave me"


def test_an_edit_that_changes_nothing_is_not_recorded(sandbox: SandboxHandle, api: Api) -> None:
    status_id = rich_status(sandbox)
    before = sandbox.status(status_id)
    same = [{"id": before["media_attachments"][0]["id"], "description": "Already described"}]
    answer = api("PUT", f"/api/v1/statuses/{status_id}", json=full_edit(before, media_attributes=same))
    assert (answer.status_code, answer.json()["edited_at"]) == (200, None)
    assert sandbox.edits(status_id) == 0
    assert len(api.get(f"/api/v1/statuses/{status_id}/history")) == 1


def test_the_history_keeps_every_version(sandbox: SandboxHandle, api: Api) -> None:
    status_id = rich_status(sandbox)
    before = sandbox.status(status_id)
    second = before["media_attachments"][1]["id"]
    edit = full_edit(before, media_attributes=[{"id": second, "description": "New"}])
    api("PUT", f"/api/v1/statuses/{status_id}", json=edit)
    history = api.get(f"/api/v1/statuses/{status_id}/history")
    assert [one["media_attachments"][1]["description"] for one in history] == [None, "New"]
    assert history[0]["created_at"] == before["created_at"]


def test_refused_edits_change_nothing(sandbox: SandboxHandle, api: Api) -> None:
    status_id = rich_status(sandbox)
    before = sandbox.status(status_id)
    first, second = (one["id"] for one in before["media_attachments"])
    too_long = [{"id": first, "description": "fine"}, {"id": second, "description": "é" * 1501}]
    refused = [
        full_edit(before, media_attributes=too_long),
        {"status": "", "spoiler_text": ""},
        full_edit(before, status="x" * 501),
        full_edit(before, media_ids=["1", "2", "3", "4", "5"]),
    ]
    answers = [api("PUT", f"/api/v1/statuses/{status_id}", json=edit) for edit in refused]
    assert [one.status_code for one in answers] == [422] * 4
    assert answers[0].json() == {"error": "Validation failed: Description is too long (maximum is 1500 characters)"}
    assert sandbox.status(status_id) == before


def test_the_limit_counts_code_points(sandbox: SandboxHandle, api: Api) -> None:
    status_id = sandbox.add_status()
    before = sandbox.status(status_id)
    attributes = [{"id": before["media_attachments"][0]["id"], "description": "😀" * 1500}]
    answer = api("PUT", f"/api/v1/statuses/{status_id}", json=full_edit(before, media_attributes=attributes))
    assert answer.status_code == 200


def test_nobody_edits_the_post_of_another(sandbox: SandboxHandle, api: Api) -> None:
    status_id = sandbox.add_status(username="observatory")
    assert api("PUT", f"/api/v1/statuses/{status_id}", json={"status": "x"}).status_code == 404
    assert api("DELETE", f"/api/v1/statuses/{status_id}").status_code == 404


def test_broken_json_is_answered_with_400(sandbox: SandboxHandle, api: Api) -> None:
    status_id = sandbox.add_status()
    header = {"Content-Type": "application/json"}
    answer = api("PUT", f"/api/v1/statuses/{status_id}", data="{", headers=header)
    assert answer.status_code == 400


def test_a_picture_can_be_described_until_it_is_posted(sandbox: SandboxHandle, api: Api) -> None:
    upload = {"file": ("cat.jpg", drawings.photograph("cat"), "image/jpeg")}
    media = api("POST", "/api/v2/media", files=upload, data={"description": "A cat", "focus": "0,0.5"}).json()
    assert (media["description"], media["meta"]["focus"]) == ("A cat", {"x": 0.0, "y": 0.5})
    path = f"/api/v1/media/{media['id']}"
    assert api("PUT", path, json={"description": "The cat"}).json()["description"] == "The cat"

    post = api("POST", "/api/v1/statuses", json={"status": "Look", "media_ids": [media["id"]]}).json()
    assert post["media_attachments"][0]["description"] == "The cat"
    assert api("PUT", path, json={"description": "x"}).status_code == 404
    assert api("GET", path).status_code == 404
    assert api.session.get(media["url"], timeout=10).content == drawings.photograph("cat")


def test_an_upload_that_is_no_picture_is_refused(sandbox: SandboxHandle, api: Api) -> None:
    for name, data in (("a.png", b"not a picture"), ("b.png", b""), ("c.tif", tiff())):
        assert api("POST", "/api/v2/media", files={"file": (name, data)}).status_code == 422
    assert api("POST", "/api/v2/media", data={"description": "x"}).status_code == 422


def tiff() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (4, 4)).save(out, "TIFF")
    return out.getvalue()


def test_sizes_are_those_of_the_turned_picture(sampled: SandboxHandle, api: Api) -> None:
    turned = sampled.status(sampled.sample("cat"))["media_attachments"][1]
    original = turned["meta"]["original"]
    assert original["height"] > original["width"]
    with Image.open(io.BytesIO(drawings.turned_photograph())) as stored:
        assert stored.size == (original["height"], original["width"])


def test_a_deleted_post_is_gone_and_its_answer_carries_the_source(sandbox: SandboxHandle, api: Api) -> None:
    status_id = sandbox.add_status("Source *text*")
    assert api("DELETE", f"/api/v1/statuses/{status_id}").json()["text"] == "Source *text*"
    assert api("GET", f"/api/v1/statuses/{status_id}").status_code == 404
    with pytest.raises(LookupError):
        sandbox.status(status_id)
