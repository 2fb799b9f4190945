"""The sandbox as Pixelfed: odd pages, pictures described one by one, and an edit that deletes what it is not told."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from platforms.sandbox.testing import Picture, SandboxHandle, running_sandbox
from platforms.tests.api import Api, Json, full_edit


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[SandboxHandle]:
    with running_sandbox(tmp_path, with_samples=False, like="pixelfed") as handle:
        yield handle


def listed(sandbox: SandboxHandle, api: Api, **params: object) -> list[str]:
    return [one["id"] for one in api.get(f"/api/v1/accounts/{sandbox.account_id}/statuses", **params)]


def picture_of(sandbox: SandboxHandle, status_id: str, number: int = 0) -> Json:
    return sandbox.status(status_id)["media_attachments"][number]


# Reading


def test_pages_are_odd_and_have_no_link(sandbox: SandboxHandle, api: Api) -> None:
    start = datetime.now(UTC) - timedelta(days=1)
    made = [sandbox.add_status(str(n), created_at=start + timedelta(minutes=n)) for n in range(5)]
    answer = api("GET", f"/api/v1/accounts/{sandbox.account_id}/statuses", params={"limit": 2})
    assert "Link" not in answer.headers
    assert listed(sandbox, api, limit=2) == [made[4], made[3]]
    assert listed(sandbox, api, limit=2, max_id=made[3]) == [made[2], made[1]]
    assert listed(sandbox, api, limit=2, min_id=made[0]) == [made[4], made[3]]  # not the two after it
    assert listed(sandbox, api, limit=2, min_id=made[0], max_id=made[3]) == [made[4], made[3]]
    assert listed(sandbox, api, limit=2, since_id=made[3]) == [made[4], made[3]]


def test_a_page_has_forty_posts_at_most(sandbox: SandboxHandle, api: Api) -> None:
    for number in range(42):
        sandbox.add_status(str(number), pictures=0)
    assert len(listed(sandbox, api, limit=200)) == 40


def test_what_is_never_listed(sandbox: SandboxHandle, api: Api) -> None:
    photo = sandbox.add_status("photo", visibility="private")
    album = sandbox.add_status("album", pictures=2)
    film = sandbox.add_status("film", pictures=[Picture(kind="video")])
    text = sandbox.add_status("text", pictures=0)
    sandbox.add_status("mixed", pictures=[Picture(), Picture(kind="video")])
    sandbox.add_status("reply", in_reply_to_id=photo)
    sandbox.add_status("direct", visibility="direct")
    sandbox.add_status("", pictures=0, reblog_of_id=sandbox.add_status("other", username="observatory"))
    assert listed(sandbox, api) == [text, film, album, photo]
    for value, told in (("true", False), ("false", False), ("0", True)):
        assert (text in listed(sandbox, api, only_media=value)) is told


def test_there_is_no_language_and_no_poll(sandbox: SandboxHandle, api: Api) -> None:
    status = api.get(f"/api/v1/statuses/{sandbox.add_status(language='de', poll=['Yes', 'No'])}")
    assert (status["language"], status["poll"]) == (None, None)


def test_posts_are_cached_until_a_picture_is_written(sandbox: SandboxHandle, api: Api) -> None:
    status_id = sandbox.add_status(pictures=2)
    path = f"/api/v1/statuses/{status_id}"

    def seen() -> list[str | None]:
        return [one["description"] for one in api.get(path)["media_attachments"]]

    assert seen() == [None, None]
    sandbox.set_alt(status_id, 0, "Written by the operator")
    assert seen() == [None, None]
    assert listed(sandbox, api) == [status_id]
    api("PUT", f"/api/v1/media/{picture_of(sandbox, status_id, 1)['id']}", json={"description": "New"})
    assert seen() == ["Written by the operator", "New"]
    sandbox.edit_text(status_id, "The author edits in the app")
    assert "The author edits" in api.get(path)["content"]


# PUT media


def test_a_posted_picture_is_described_without_an_edit(sandbox: SandboxHandle, api: Api) -> None:
    status_id = sandbox.add_status(visibility="private")
    path = f"/api/v1/media/{picture_of(sandbox, status_id)['id']}"
    assert api("PUT", path, json={"description": "A hill"}).json()["description"] == "A hill"
    after = sandbox.status(status_id)
    assert (after["media_attachments"][0]["description"], after["edited_at"]) == ("A hill", None)
    assert (after["visibility"], sandbox.edits(status_id), sandbox.media_writes(status_id)) == ("private", 0, 1)
    assert api("GET", path).status_code == 404
    assert api("PUT", path, json={"focus": "0,1"}).json()["description"] is None


def test_texts_come_back_with_entities_and_without_tags(sandbox: SandboxHandle, api: Api) -> None:
    status_id = sandbox.add_status()
    path = f"/api/v1/media/{picture_of(sandbox, status_id)['id']}"
    sent = {
        "Salt & pepper": "Salt &amp; pepper",
        "<b>x</b>y": "xy",
        "a < b": "a &lt; b",
        "already &amp; done": "already &amp; done",
        "quote \" and ' stay": "quote \" and ' stay",
    }
    assert {text: api("PUT", path, json={"description": text}).json()["description"] for text in sent} == sent


def test_too_long_is_422_and_another_s_is_404(sandbox: SandboxHandle, api: Api) -> None:
    status_id = sandbox.add_status(pictures=[Picture("Before")])
    path = f"/api/v1/media/{picture_of(sandbox, status_id)['id']}"
    assert api("PUT", path, json={"description": "é" * 1001}).status_code == 422
    assert picture_of(sandbox, status_id)["description"] == "Before"
    assert api("PUT", path, json={"description": "é" * 1000}).status_code == 200
    sandbox.set_alt_limits(2000)
    assert api("PUT", path, json={"description": "é" * 2000}).status_code == 200
    foreign = picture_of(sandbox, sandbox.add_status(username="observatory"))["id"]
    assert api("PUT", f"/api/v1/media/{foreign}", json={"description": "x"}).status_code == 404


def test_a_multipart_body_is_not_read(sandbox: SandboxHandle, api: Api) -> None:
    status_id = sandbox.add_status(pictures=[Picture("Before")])
    path = f"/api/v1/media/{picture_of(sandbox, status_id)['id']}"
    assert api("PUT", path, files={"description": (None, "New")}).status_code == 200
    assert picture_of(sandbox, status_id)["description"] is None


def test_after_ten_writes_a_minute_there_is_a_429_without_headers(sandbox: SandboxHandle, api: Api) -> None:
    path = f"/api/v1/media/{picture_of(sandbox, sandbox.add_status())['id']}"
    answers = [api("PUT", path, json={"description": str(number)}) for number in range(11)]
    assert [one.status_code for one in answers] == [200] * 10 + [429]
    assert answers[10].json()["error"].startswith("Too many attempts")
    assert not [name for name in answers[10].headers if name.lower().startswith(("x-ratelimit", "retry"))]
    sandbox.set_media_writes_per_minute(100)
    assert api("PUT", path, json={"description": "x"}).status_code == 200


def test_before_0_11_5_posted_pictures_cannot_be_described(tmp_path: Path) -> None:
    with running_sandbox(tmp_path / "old", with_samples=False, like="pixelfed", version="0.11.4") as sandbox:
        api = Api(sandbox, sandbox.token)
        status_id = sandbox.add_status()
        path = f"/api/v1/media/{picture_of(sandbox, status_id)['id']}"
        assert api("PUT", path, json={"description": "x"}).status_code == 404
        assert api("PUT", f"/api/v1/statuses/{status_id}", json={"status": "x"}).status_code == 404
        api.session.close()


def test_faults_also_hit_the_writing_of_pictures(sandbox: SandboxHandle, api: Api) -> None:
    status_id = sandbox.add_status("Text", pictures=[Picture("Before")])
    path = f"/api/v1/media/{picture_of(sandbox, status_id)['id']}"
    sandbox.fault("conflict", method="PUT", path_prefix="/api/v1/media")
    assert api("PUT", path, json={"description": "New"}).json()["description"] == "New"
    assert sandbox.status(status_id)["text"] == "Text\n\n(Edited elsewhere.)"
    sandbox.fault("drop_alt", method="PUT")
    assert api("PUT", path, json={"description": "Newer"}).json()["description"] is None


# PUT statuses


def test_an_edit_ignores_attributes_and_loses_what_it_is_not_told(sandbox: SandboxHandle, api: Api) -> None:
    status_id = sandbox.add_status("Text", spoiler_text="Careful", sensitive=True, visibility="private")
    before = sandbox.status(status_id)
    media_id = before["media_attachments"][0]["id"]
    given = [{"id": media_id, "description": "New"}]
    path = f"/api/v1/statuses/{status_id}"
    assert api("PUT", path, json=full_edit(before, media_attributes=given)).status_code == 200
    assert picture_of(sandbox, status_id)["description"] is None
    assert api("PUT", path, json={"media_ids": [media_id]}).status_code == 200
    after = sandbox.status(status_id)
    assert (after["text"], after["spoiler_text"], after["sensitive"]) == ("", "", True)
    assert (after["visibility"], len(after["media_attachments"])) == ("private", 1)


def test_an_album_is_cut_to_the_pictures_that_were_sent(sandbox: SandboxHandle, api: Api) -> None:
    status_id = sandbox.add_status("Text", pictures=3)
    before = sandbox.status(status_id)
    path = f"/api/v1/statuses/{status_id}"
    ids = [one["id"] for one in before["media_attachments"]]
    assert api("PUT", path, json={"status": "Text"}).status_code == 500
    assert sandbox.status(status_id) == before
    assert api("PUT", path, json={"status": "Text", "media_ids": ["1"]}).status_code == 404
    assert api("PUT", path, json={"status": "Text", "media_ids": [ids[2], ids[0]]}).status_code == 200
    assert [one["id"] for one in sandbox.status(status_id)["media_attachments"]] == [ids[2], ids[0]]
    # The third is gone for good.
    assert api("PUT", path, json={"status": "Text", "media_ids": ids}).status_code == 404
    assert api("PUT", path, json={"status": "Text", "media_ids": None}).status_code == 200
    assert sandbox.status(status_id)["media_attachments"] == []


def test_the_history_is_newest_first_and_only_for_what_all_may_see(sandbox: SandboxHandle, api: Api) -> None:
    status_id, private = sandbox.add_status("Before"), sandbox.add_status(visibility="private")
    path = f"/api/v1/statuses/{status_id}"
    assert api.get(f"{path}/history") == []
    api("PUT", path, json={"status": "After"})
    assert [one["content"] for one in api.get(f"{path}/history")] == ["<p>After</p>", "<p>Before</p>"]
    assert api("GET", f"/api/v1/statuses/{private}/history").status_code == 403


def test_an_edit_has_limits_of_its_own(sandbox: SandboxHandle, api: Api) -> None:
    status_id = sandbox.add_status()
    path = f"/api/v1/statuses/{status_id}"
    assert api("PUT", path, json={"status": "x" * 501}).status_code == 422
    assert api("PUT", path, json={"status": "x", "spoiler_text": "x" * 141}).status_code == 422
    assert api("PUT", path, json={}).status_code == 422
    answers = [api("PUT", path, json={"status": f"Edit {number}"}).status_code for number in range(11)]
    assert (answers[0], answers[-1]) == (200, 400)
    assert sandbox.edits(status_id) <= 10
