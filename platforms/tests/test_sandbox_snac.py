"""The sandbox as snac: 2.75 says that it edited alt texts and did not, 2.96 does; ids change in both."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from platforms.sandbox.testing import Picture, SandboxHandle, running_sandbox
from platforms.tests.api import Api, full_edit

Make = Callable[[str], tuple[SandboxHandle, Api]]


@pytest.fixture
def snac(tmp_path: Path) -> Iterator[Make]:
    with ExitStack() as stack:

        def make(version: str) -> tuple[SandboxHandle, Api]:
            folder = tmp_path / version
            folder.mkdir()
            sandbox = stack.enter_context(running_sandbox(folder, with_samples=False, like="snac", version=version))
            api = Api(sandbox, sandbox.token)
            stack.callback(api.session.close)
            return sandbox, api

        yield make


BOTH = pytest.mark.parametrize("version", ["2.75", "2.96"])


def describing(before: Any, *texts: str) -> dict[str, Any]:
    attributes = [
        {"id": one["id"], "description": text} for one, text in zip(before["media_attachments"], texts, strict=False)
    ]
    edit: dict[str, Any] = full_edit(before, media_attributes=attributes)
    return edit


@pytest.mark.parametrize(("version", "after"), [("2.75", ["", "Old"]), ("2.96", ["A <hill> ", "Old"])])
def test_an_edit_is_answered_with_200_whether_it_worked_or_not(snac: Make, version: str, after: list[str]) -> None:
    sandbox, api = snac(version)
    status_id = sandbox.add_status(pictures=[Picture(), Picture("Old")])
    before = sandbox.status(status_id)
    answer = api("PUT", f"/api/v1/statuses/{status_id}", json=describing(before, "A <hill> "))
    assert answer.status_code == 200
    assert [one["description"] for one in sandbox.status(status_id)["media_attachments"]] == after
    assert sandbox.edits(status_id) == 1


@BOTH
def test_the_id_changes_with_an_edit_and_the_old_one_still_resolves(snac: Make, version: str) -> None:
    sandbox, api = snac(version)
    status_id = sandbox.add_status()
    before = api.get(f"/api/v1/statuses/{status_id}")
    changed = api("PUT", f"/api/v1/statuses/{status_id}", json=full_edit(sandbox.status(status_id))).json()
    assert changed["id"] != status_id
    assert (changed["uri"], changed["url"]) == (before["uri"], before["url"])
    for one in (status_id, changed["id"]):
        assert api.get(f"/api/v1/statuses/{one}")["id"] == changed["id"]
        assert sandbox.edits(one) == 1
    assert [one["id"] for one in api.get(f"/api/v1/accounts/{sandbox.account_id}/statuses")] == [changed["id"]]


@BOTH
def test_ids_of_posted_pictures_are_addresses(snac: Make, version: str) -> None:
    sandbox, api = snac(version)
    status = sandbox.status(sandbox.add_status())
    picture = status["media_attachments"][0]
    start, _, number = picture["id"].rpartition("_")
    assert (start, number.isdecimal()) == (status["uri"], True)
    assert api.session.get(picture["url"], timeout=10).headers["Content-Type"] == "image/png"


@BOTH
def test_writing_a_posted_picture_is_a_lie(snac: Make, version: str) -> None:
    sandbox, api = snac(version)
    status_id = sandbox.add_status()
    before = sandbox.status(status_id)
    foreign = sandbox.status(sandbox.add_status(username="observatory"))["media_attachments"][0]["id"]
    for media_id in (before["media_attachments"][0]["id"], foreign, "never-was"):
        answer = api("PUT", f"/api/v1/media/{quote(media_id, safe='')}", json={"description": "New"})
        assert (answer.status_code, answer.json()["description"]) == (200, "New")
    assert sandbox.status(status_id) == before
    assert (sandbox.edits(status_id), sandbox.media_writes(status_id)) == (0, 0)


@pytest.mark.parametrize(("version", "status"), [("2.75", 404), ("2.96", 200)])
def test_reading_a_picture(snac: Make, version: str, status: int) -> None:
    sandbox, api = snac(version)
    media_id = sandbox.status(sandbox.add_status())["media_attachments"][0]["id"]
    assert api("GET", f"/api/v1/media/{quote(media_id, safe='')}").status_code == status


@pytest.mark.parametrize(
    ("version", "kept"),
    [
        ("2.75", {"spoiler_text": "Careful", "sensitive": True, "language": "en", "visibility": "public"}),
        ("2.96", {"spoiler_text": "", "sensitive": False, "language": "en", "visibility": "unlisted"}),
    ],
)
def test_what_an_edit_does_to_the_rest(snac: Make, version: str, kept: dict[str, Any]) -> None:
    sandbox, api = snac(version)
    status_id = sandbox.add_status(
        "To @observatory #Tag", spoiler_text="Careful", sensitive=True, language="de", visibility="unlisted", pictures=2
    )
    before = sandbox.status(status_id)
    only_text = {"status": before["text"], "media_ids": [before["media_attachments"][0]["id"]]}
    assert api("PUT", f"/api/v1/statuses/{status_id}", json=only_text).status_code == 200
    after = sandbox.status(status_id)
    assert {name: after[name] for name in kept} == kept
    assert after["media_attachments"] == before["media_attachments"]
    linked = version == "2.96"
    assert (after["mentions"], after["tags"]) == (before["mentions"], before["tags"])
    assert ("<a " in after["content"]) is linked


@BOTH
def test_no_text_wipes_it_and_forms_describe_nothing(snac: Make, version: str) -> None:
    sandbox, api = snac(version)
    status_id = sandbox.add_status("Text")
    media_id = sandbox.status(status_id)["media_attachments"][0]["id"]
    form = [("status", "Text"), ("media_attributes[][id]", media_id), ("media_attributes[][description]", "New")]
    assert api("PUT", f"/api/v1/statuses/{status_id}", data=form).status_code == 200
    assert sandbox.status(status_id)["media_attachments"][0]["description"] == ""
    assert api("PUT", f"/api/v1/statuses/{status_id}", json={}).status_code == 200
    after = sandbox.status(status_id)
    assert (after["text"], len(after["media_attachments"])) == ("", 1)


def test_2_96_takes_texts_of_any_length(snac: Make) -> None:
    sandbox, api = snac("2.96")
    status_id = sandbox.add_status()
    edit = describing(sandbox.status(status_id), "é" * 6000)
    assert api("PUT", f"/api/v1/statuses/{status_id}", json=edit).status_code == 200
    assert sandbox.status(status_id)["media_attachments"][0]["description"] == "é" * 6000


def test_2_96_takes_an_unknown_picture_for_the_first_one(snac: Make) -> None:
    sandbox, api = snac("2.96")
    status_id = sandbox.add_status(pictures=[Picture("First."), Picture("Second.")])
    given = [{"id": "unknown", "description": "Another."}]
    edit = full_edit(sandbox.status(status_id), media_attributes=given)
    assert api("PUT", f"/api/v1/statuses/{status_id}", json=edit).status_code == 200
    shown = sandbox.status(status_id)["media_attachments"]
    assert [one["description"] for one in shown] == ["Another.", "Second."]


def test_2_96_keeps_a_content_warning_only_with_sensitive(snac: Make) -> None:
    sandbox, api = snac("2.96")
    status_id = sandbox.add_status(spoiler_text="Food")
    edit = full_edit(sandbox.status(status_id))
    assert (edit["spoiler_text"], edit["sensitive"]) == ("Food", False)
    api("PUT", f"/api/v1/statuses/{status_id}", json=edit)
    assert sandbox.status(status_id)["spoiler_text"] == ""


@BOTH
def test_whom_a_reply_answers_is_mentioned_until_2_96_edits_it(snac: Make, version: str) -> None:
    sandbox, api = snac(version)
    status_id = sandbox.add_status("Nice!", in_reply_to_id=sandbox.add_status(username="observatory"))
    before = sandbox.status(status_id)
    assert [one["acct"] for one in before["mentions"]] == ["observatory"]
    after = api("PUT", f"/api/v1/statuses/{status_id}", json=full_edit(before)).json()
    assert after["mentions"] == ([] if version == "2.96" else before["mentions"])


@BOTH
def test_every_post_is_shown_as_english(snac: Make, version: str) -> None:
    sandbox, api = snac(version)
    assert api.get(f"/api/v1/statuses/{sandbox.add_status(language='de')}")["language"] == "en"


@BOTH
def test_neither_private_posts_nor_boosts_are_listed(snac: Make, version: str) -> None:
    sandbox, api = snac(version)
    other = sandbox.add_status(username="observatory")
    listed = [sandbox.add_status(), sandbox.add_status(visibility="unlisted"), sandbox.add_status(in_reply_to_id=other)]
    sandbox.add_status("", pictures=0, reblog_of_id=other)
    sandbox.add_status(visibility="private")
    sandbox.add_status(visibility="direct")
    found = api.get(f"/api/v1/accounts/{sandbox.account_id}/statuses", limit=256)
    assert [one["id"] for one in found] == listed[::-1]


def test_pages_of_2_75_never_end(snac: Make) -> None:
    sandbox, api = snac("2.75")
    made = [sandbox.add_status(str(number), pictures=number % 2) for number in range(22)]
    path = f"/api/v1/accounts/{sandbox.account_id}/statuses"
    for params in ({}, {"limit": "2"}, {"max_id": made[3]}, {"only_media": "true"}):
        answer = api("GET", path, params=params)
        assert [one["id"] for one in answer.json()] == made[::-1]
        assert "Link" not in answer.headers


def test_pages_of_2_96_end(snac: Make) -> None:
    sandbox, api = snac("2.96")
    made = [sandbox.add_status(str(number), pictures=number % 2) for number in range(3)]
    path = f"/api/v1/accounts/{sandbox.account_id}/statuses"
    answer = api("GET", path, params={"limit": 2, "only_media": "true"})
    assert ([one["id"] for one in answer.json()], "Link" in answer.headers) == ([made[2], made[1]], False)
    assert [one["id"] for one in api.get(path, max_id=made[1])] == [made[0]]
    changed = api("PUT", f"/api/v1/statuses/{made[1]}", json={"status": "Edited"}).json()["id"]
    assert api.get(path, max_id=made[1]) == []
    assert [one["id"] for one in api.get(path, max_id=changed)] == [made[0]]


@BOTH
def test_addresses_that_snac_does_not_have(snac: Make, version: str) -> None:
    sandbox, api = snac(version)
    assert api("GET", "/api/v2/instance").status_code == 404
    assert api("GET", f"/api/v1/statuses/{sandbox.add_status()}/history").status_code == 404
