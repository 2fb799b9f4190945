"""Facts of real snac servers that our client builds on, and what our client makes of them.

2.96 changes alt texts; 2.75 answers 200 to the same edit and does not. Each test runs on both.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from platforms.clients.api import Api
from platforms.clients.base import CredentialsRefused, PlatformRefused, Status, StatusGone
from platforms.clients.detection import detect
from platforms.clients.families import family
from platforms.clients.snac import SnacClient
from platforms.sandbox.testing import Picture
from platforms.tests.snac import RealSnac, everything

pytestmark = pytest.mark.once

EDITING = "2.96"
TEXT = "Das Segelboot „Möwe“ <bei> Wind & \"Wellen\" 🐈‍⬛\n\nC:\\neu\t&amp; 'mehr' &lt;b&gt;"
POSTS: dict[str, dict[str, Any]] = {
    "plain": {"text": "Hello."},
    "without text": {"text": ""},
    "odd text": {"text": f"  {TEXT}\r\n\n\n**bold** `code` https://example.org/a?b=1&c=2 \n"},
    "content warning": {"text": "Hello.", "spoiler_text": "  Food & <b>drink</b> 🍏 "},
    "content warning alone": {"text": "", "spoiler_text": "Food"},
    "sensitive": {"text": "Hello.", "spoiler_text": "Food", "sensitive": True},
    "german": {"text": "Hallo.", "language": "de"},
    "unlisted": {"text": "Hello.", "visibility": "unlisted"},
    "private": {"text": "Hello.", "visibility": "private"},
    "direct": {"text": "Hello.", "visibility": "direct"},
    "four pictures": {"text": "Hello.", "pictures": 4},
}
ALT_TEXTS = {
    "plain": "A sailing boat.",
    "odd": TEXT,
    "lines": "one\ntwo\n\nthree\r\nfour",
    "spaces": "  two before, two after  ",
    "markup": "<script>alert(1)</script> **bold** #tag @bob https://example.org &amp;",
    "6000 characters": "ä" * 6000,
}


@contextmanager
def client_of(snac: RealSnac, token: str | None = None) -> Iterator[SnacClient]:
    """Our client as a connected account gets it: chosen by what the server says of itself."""
    found = detect(Api(snac.url, allow=snac.allowed))
    chosen = family(found.family).client
    assert chosen is SnacClient
    client = SnacClient(Api(snac.url, token=token or snac.token, allow=snac.allowed), found.capabilities)
    try:
        yield client
    finally:
        client.close()


def alt_texts(post: Any) -> list[str]:
    return [one["description"] for one in post["media_attachments"]]


def careful_edit(snac: RealSnac, status_id: str, *texts: str, **changes: Any) -> dict[str, Any]:
    """An edit that sends everything again, with an alt text for each of the first pictures."""
    before = snac.status(status_id)
    ids = [one["id"] for one in before["media_attachments"]]
    attributes = [{"id": one, "description": text} for one, text in zip(ids, texts, strict=False)]
    body = everything(before) | {"status": snac.source(status_id)["text"], "media_attributes": attributes} | changes
    return dict(snac.edit(status_id, body))


def kept(post: Any) -> dict[str, Any]:
    """What an edit of alt texts must not change, as the API shows it."""
    pictures = [{**one, "description": None} for one in post["media_attachments"]]
    return {**post, "id": None, "edited_at": None, "account": None, "media_attachments": pictures}


def kept_in_store(post: Any) -> dict[str, Any]:
    """The same of what other servers get. `sensitive` may be left out for false."""
    pictures = [{**one, "name": None} for one in post.get("attachment", [])]
    return {"sensitive": False, **post, "updated": None, "attachment": pictures}


def test_it_says_which_software_it_is_and_who_we_are(real_snac: RealSnac) -> None:
    found = detect(Api(real_snac.url, allow=real_snac.allowed))
    assert (found.family, found.instance.software, found.instance.version) == ("snac", "snac", real_snac.version)
    assert found.instance.max_characters == 100_000
    assert found.capabilities.can_write == (real_snac.version == EDITING)
    with client_of(real_snac) as client:
        assert client.verify().username == "demo"
        assert client.verify().id == real_snac.account_id


def test_a_revoked_token_is_answered_with_an_empty_422(real_snac: RealSnac) -> None:
    token = real_snac.issue_token()
    real_snac.revoke(token)
    answer = real_snac.send("GET", "/api/v1/accounts/verify_credentials", token=token)
    assert (answer.status_code, answer.text) == (422, "")
    with client_of(real_snac, token) as client, pytest.raises(CredentialsRefused):
        client.verify()


def test_a_walk_gives_every_public_post_once_and_nothing_private_or_boosted(real_snac: RealSnac) -> None:
    bobs = real_snac.add_status("Bob's.", pictures=0, token=real_snac.account("bob"))
    boost = real_snac.send("POST", f"/api/v1/statuses/{bobs}/reblog", token=real_snac.token)
    assert boost.status_code == (200 if real_snac.version == EDITING else 404)  # 2.75 boosts what it was sent alone
    shown = [real_snac.status(real_snac.add_status(f"Number {number}."))["uri"] for number in range(90)]
    shown.append(real_snac.status(real_snac.add_status("Unlisted.", visibility="unlisted"))["uri"])
    shown.append(real_snac.status(real_snac.add_status("A reply.", in_reply_to_id=bobs))["uri"])
    real_snac.add_status("Private.", visibility="private")
    real_snac.add_status("Direct.", visibility="direct")
    with client_of(real_snac) as client:
        walked = [one.uri for one in client.statuses(real_snac.account_id) if isinstance(one, Status)]
    assert walked == shown[::-1]


def test_posts_beyond_the_newest_256_are_never_listed(real_snac: RealSnac) -> None:
    for number in range(258):
        real_snac.add_status(f"Number {number}.", pictures=0)
    with client_of(real_snac) as client:
        assert len(list(client.statuses(real_snac.account_id))) == 256


def test_2_75_pages_without_end_and_2_96_takes_an_unknown_id_for_the_end(real_snac: RealSnac) -> None:
    ids = [real_snac.add_status(f"Number {number}.", pictures=0) for number in range(4)]
    for one in ids:
        real_snac.age(real_snac.status(one)["uri"])
    old = real_snac.status(ids[1])["id"]
    real_snac.edit_text(old, "Edited.")
    path = f"/api/v1/accounts/{real_snac.account_id}/statuses"
    pages = [
        [post["text"] for post in real_snac.api("GET", path, params={"max_id": one, "limit": 1}).json()]
        for one in (ids[3], old, real_snac.status(old)["id"])
    ]
    everyone = ["Number 3.", "Number 2.", "Edited.", "Number 0."]
    if real_snac.version == EDITING:
        assert pages == [[], [], ["Number 0."]]
    else:
        assert pages == [everyone, everyone, everyone]


@pytest.mark.parametrize("name", POSTS)
def test_an_edit_that_sends_everything_changes_nothing_else(real_snac: RealSnac, name: str) -> None:
    status_id = real_snac.add_status(**POSTS[name])
    before = real_snac.status(status_id)
    stored, source = real_snac.stored(before["uri"]), real_snac.source(status_id)
    texts = [f"Picture {number}." for number in range(len(before["media_attachments"]))]
    answer = careful_edit(real_snac, status_id, *texts)
    after = real_snac.status(status_id)
    assert source["text"] == POSTS[name]["text"]
    assert kept(after) == kept(before) == kept(answer)
    assert kept_in_store(real_snac.stored(before["uri"])) == kept_in_store(stored)
    assert alt_texts(after) == (texts if real_snac.version == EDITING else alt_texts(before))


@pytest.mark.parametrize("name", ALT_TEXTS)
def test_an_alt_text_is_kept_to_the_letter(real_snac: RealSnac, name: str) -> None:
    status_id = real_snac.add_status(pictures=[Picture("First."), Picture("Second.")])
    second = real_snac.status(status_id)["media_attachments"][1]["id"]
    careful_edit(
        real_snac, status_id, media_attributes=[{"id": second, "description": ALT_TEXTS[name]}], media_ids=[second]
    )
    written = ALT_TEXTS[name] if real_snac.version == EDITING else "Second."
    assert alt_texts(real_snac.status(status_id)) == ["First.", written]


def test_an_empty_alt_text_takes_it_away_and_null_does_not(real_snac: RealSnac) -> None:
    status_id = real_snac.add_status(pictures=[Picture("First."), Picture("Second.")])
    ids = [one["id"] for one in real_snac.status(status_id)["media_attachments"]]
    attributes = [{"id": ids[0], "description": None}, {"id": ids[1], "description": ""}]
    careful_edit(real_snac, status_id, media_attributes=attributes)
    left = ["First.", ""] if real_snac.version == EDITING else ["First.", "Second."]
    assert alt_texts(real_snac.status(status_id)) == left


def test_an_edit_gives_a_post_a_new_id_and_the_old_one_still_leads_to_it(real_snac: RealSnac) -> None:
    status_id = real_snac.add_status()
    uri = real_snac.status(status_id)["uri"]
    real_snac.age(uri)
    before = real_snac.status(status_id)
    answer = careful_edit(real_snac, before["id"], "A boat.")
    after = real_snac.status(before["id"])
    assert after["id"] == answer["id"] != before["id"]
    assert after["id"][10:] == before["id"][10:]
    assert after["uri"] == uri
    assert [one["id"] for one in after["media_attachments"]] == [f"{uri}_0"]
    assert (before["edited_at"], bool(after["edited_at"])) == (None, True)


def test_every_language_is_shown_as_english_and_kept_in_the_store(real_snac: RealSnac) -> None:
    status_id = real_snac.add_status("Hallo.", language="de")
    uri = real_snac.status(status_id)["uri"]
    assert careful_edit(real_snac, status_id, "Ein Boot.", language="en")["language"] == "en"
    assert real_snac.stored(uri)["contentMap"] == {"de": "Hallo.<br>"}


def test_what_an_edit_leaves_out_is_lost(real_snac: RealSnac) -> None:
    status_id = real_snac.add_status("Hello.", spoiler_text="Food")
    real_snac.edit(status_id, {"status": "Hello.", "spoiler_text": "Food"})
    without_sensitive = real_snac.status(status_id)
    status_id = real_snac.add_status("Hello.", spoiler_text="Food")
    real_snac.edit(status_id, {"spoiler_text": "Food", "sensitive": True})
    without_status = real_snac.status(status_id)
    if real_snac.version == EDITING:
        assert (without_sensitive["spoiler_text"], without_sensitive["sensitive"]) == ("", False)
    else:
        assert (without_sensitive["spoiler_text"], without_sensitive["sensitive"]) == ("Food", True)
    assert (without_status["content"], len(without_status["media_attachments"])) == ("", 1)


def test_a_content_warning_that_is_not_marked_sensitive_would_be_lost(real_snac: RealSnac) -> None:
    status_id = real_snac.add_status("Hello.")
    real_snac.change_stored(real_snac.status(status_id)["uri"], summary="Food")
    careful_edit(real_snac, status_id, "A boat.")
    assert real_snac.status(status_id)["spoiler_text"] == ("" if real_snac.version == EDITING else "Food")


def test_mentions_and_hashtags_keep_their_links_on_2_96_alone(real_snac: RealSnac) -> None:
    real_snac.account("bob")
    status_id = real_snac.add_status("Look, @bob, at these #Boats.")
    before = real_snac.status(status_id)
    careful_edit(real_snac, status_id, "A boat.")
    after = real_snac.status(status_id)
    assert before["content"].count("<a href=") == 2
    assert after["content"].count("<a href=") == (2 if real_snac.version == EDITING else 0)
    assert (after["mentions"], after["tags"]) == (before["mentions"], before["tags"])


def test_a_reply_that_does_not_name_its_addressee_loses_the_mention_on_2_96(real_snac: RealSnac) -> None:
    bobs = real_snac.add_status("Bob's.", pictures=0, token=real_snac.account("bob"))
    status_id = real_snac.add_status("Nice!", in_reply_to_id=bobs)
    before = real_snac.status(status_id)
    careful_edit(real_snac, status_id, "A boat.")
    after = real_snac.status(status_id)
    assert [one["acct"] for one in before["mentions"]] == [f"bob@127.0.0.1:{real_snac.port}"]
    assert after["mentions"] == ([] if real_snac.version == EDITING else before["mentions"])
    assert after["in_reply_to_id"] == before["in_reply_to_id"]


def test_a_reply_that_names_its_addressee_has_the_mention_twice_until_an_edit(real_snac: RealSnac) -> None:
    bobs = real_snac.add_status("Bob's.", pictures=0, token=real_snac.account("bob"))
    status_id = real_snac.add_status("@bob Nice!", in_reply_to_id=bobs)
    before = len(real_snac.status(status_id)["mentions"])
    careful_edit(real_snac, status_id, "A boat.")
    after = len(real_snac.status(status_id)["mentions"])
    assert (before, after) == ((2, 1) if real_snac.version == EDITING else (2, 2))


def test_2_96_takes_an_unknown_picture_for_the_first_one(real_snac: RealSnac) -> None:
    status_id = real_snac.add_status(pictures=[Picture("First."), Picture("Second.")])
    careful_edit(real_snac, status_id, media_attributes=[{"id": "unknown", "description": "Another."}])
    first = "Another." if real_snac.version == EDITING else "First."
    assert alt_texts(real_snac.status(status_id)) == [first, "Second."]


def test_the_media_call_does_not_reach_a_posted_picture(real_snac: RealSnac) -> None:
    uploaded = real_snac.upload(Picture("First."))["id"]
    status_id = real_snac.add_status(pictures=0, media_ids=[uploaded])
    answer = real_snac.api("PUT", f"/api/v1/media/{uploaded}", json={"description": "Another."}).json()
    assert answer["description"] == "Another."
    assert alt_texts(real_snac.status(status_id)) == ["First."]


def test_a_post_without_a_source_is_refused(real_snac: RealSnac) -> None:
    status_id = real_snac.add_status("Hello.")
    real_snac.change_stored(real_snac.status(status_id)["uri"], sourceContent=None)
    assert real_snac.source(status_id)["text"] is None
    with client_of(real_snac) as client, pytest.raises(PlatformRefused):
        client.snapshot(status_id)


def test_a_deleted_post_is_gone(real_snac: RealSnac) -> None:
    status_id = real_snac.add_status("Hello.")
    real_snac.delete_status(status_id)
    with client_of(real_snac) as client, pytest.raises(StatusGone):
        client.snapshot(status_id)


def test_our_client_writes_on_2_96_and_sends_no_edit_to_2_75(real_snac: RealSnac) -> None:
    status_id = real_snac.add_status(TEXT, spoiler_text="Food", pictures=[Picture("First."), Picture()])
    before = real_snac.status(status_id)
    with client_of(real_snac) as client:
        snapshot = client.snapshot(status_id)
        texts = {snapshot.status.attachments[1].id: TEXT}
        if real_snac.version == EDITING:
            client.write_alt_texts(snapshot, texts)
            assert alt_texts(real_snac.status(status_id)) == ["First.", TEXT]
            client.write_alt_texts(client.snapshot(status_id), dict.fromkeys(texts, ""))
        else:
            with pytest.raises(PlatformRefused):
                client.write_alt_texts(snapshot, texts)
    assert len(real_snac.requests("PUT")) == (2 if real_snac.version == EDITING else 0)
    assert alt_texts(real_snac.status(status_id)) == ["First.", ""]
    assert kept(real_snac.status(status_id)) == kept(before)
