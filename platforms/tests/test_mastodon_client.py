"""The Mastodon client against the sandbox, which loses data on a careless edit as Mastodon does."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from platforms.clients.base import (
    CredentialsRefused,
    PlatformRefused,
    PlatformUnavailable,
    Snapshot,
    Status,
    StatusGone,
)
from platforms.clients.mastodon import MastodonClient
from platforms.sandbox.testing import Picture, SandboxHandle
from platforms.tests.cast import READING, mastodon, unknown

TEXT = "Zwei Bäume & <ein> Haus 🏡\n\n  eingerückt, #Wald @demo https://example.org/a?b=c&d=e\n"


@pytest.fixture
def client(sandbox: SandboxHandle) -> Iterator[MastodonClient]:
    with mastodon(sandbox.url, sandbox.token) as client:
        yield client


def without_alt(status: dict[str, Any]) -> dict[str, Any]:
    """A status without what an edit is meant to change."""
    pictures = [{**one, "description": None} for one in status["media_attachments"]]
    return {**status, "edited_at": None, "media_attachments": pictures}


def test_an_edit_changes_the_alt_text_and_nothing_else(sandbox: SandboxHandle, client: MastodonClient) -> None:
    pictures = [
        Picture("Der erste bleibt\nwie er ist.", focus="-0.42,0.17"),
        Picture(None, focus="0.1,-0.33"),
        Picture("", focus=""),
        Picture(None),
    ]
    post = sandbox.add_status(
        TEXT,
        pictures=pictures,
        spoiler_text="Vorsicht: „Wald“",
        sensitive=True,
        language="de",
        visibility="unlisted",
        quote_policy="followers",
    )
    before = sandbox.status(post)
    ids = [one["id"] for one in before["media_attachments"]]

    client.write_alt_texts(client.snapshot(post), {ids[1]: 'Ein <Baum> & "mehr" 🌲', ids[3]: "Noch einer."})

    after = sandbox.status(post)
    assert without_alt(after) == without_alt(before)
    assert after["text"] == TEXT
    descriptions = [one["description"] for one in after["media_attachments"]]
    assert descriptions == ["Der erste bleibt\nwie er ist.", 'Ein <Baum> & "mehr" 🌲', "", "Noch einer."]
    assert sandbox.edits(post) == 1


def test_all_pictures_of_a_post_are_described_by_one_request(sandbox: SandboxHandle, client: MastodonClient) -> None:
    post = sandbox.add_status("Four", pictures=4)
    ids = [one["id"] for one in sandbox.status(post)["media_attachments"]]

    client.write_alt_texts(client.snapshot(post), {pk: f"Picture {pk}" for pk in ids})

    (sent,) = sandbox.requests("PUT")
    body = json.loads(sent.body_json or "")
    assert body["media_ids"] == ids
    assert [one["id"] for one in body["media_attributes"]] == ids


@pytest.mark.parametrize("policy", ["public", "followers", "nobody"])
def test_the_quote_policy_is_sent_again(sandbox: SandboxHandle, client: MastodonClient, policy: str) -> None:
    post = sandbox.add_status("Quote me", quote_policy=policy)
    before = client.snapshot(post)

    client.write_alt_texts(before, {before.status.attachments[0].id: "A square."})

    (sent,) = sandbox.requests("PUT")
    assert json.loads(sent.body_json or "")["quote_approval_policy"] == policy
    assert client.snapshot(post).status.quote_approval == before.status.quote_approval


def test_an_edit_can_be_undone_by_the_old_texts(sandbox: SandboxHandle, client: MastodonClient) -> None:
    post = sandbox.add_status("Undo me", pictures=[Picture(None), Picture("Old")])
    before = client.snapshot(post)
    first, second = before.status.attachments
    client.write_alt_texts(before, {first.id: "New", second.id: "New too"})

    client.write_alt_texts(client.snapshot(post), {first.id: "", second.id: "Old"})

    assert client.snapshot(post).status.attachments == before.status.attachments


def refuses_without_a_request(sandbox: SandboxHandle, client: MastodonClient, before: Snapshot, word: str) -> None:
    texts = {before.status.attachments[0].id: "A text."}
    with pytest.raises(PlatformRefused, match=word):
        client.write_alt_texts(before, texts)
    assert sandbox.requests("PUT") == []


def test_a_post_with_a_poll_is_refused_without_a_request(sandbox: SandboxHandle, client: MastodonClient) -> None:
    post = sandbox.add_status("Which?", poll=["This", "That"])
    refuses_without_a_request(sandbox, client, client.snapshot(post), "poll")


@pytest.mark.parametrize(
    "approval",
    [
        {"automatic": ["public", "followers"], "manual": []},
        {"automatic": ["unsupported_policy"], "manual": []},
        {"automatic": [], "manual": ["followers"]},
        {"automatic": None},
        {},
    ],
)
def test_a_quote_policy_that_cannot_be_repeated_is_refused_without_a_request(
    sandbox: SandboxHandle, client: MastodonClient, approval: dict[str, Any]
) -> None:
    before = client.snapshot(sandbox.add_status("Quotes"))
    odd = replace(before, status=replace(before.status, quote_approval=approval))
    refuses_without_a_request(sandbox, client, odd, "quote")


def test_a_content_warning_without_text_is_refused_without_a_request(
    sandbox: SandboxHandle, client: MastodonClient
) -> None:
    post = sandbox.add_status(" ", spoiler_text="Careful")
    refuses_without_a_request(sandbox, client, client.snapshot(post), "content warning")


def test_a_text_for_a_picture_that_is_not_there_is_refused_without_a_request(
    sandbox: SandboxHandle, client: MastodonClient
) -> None:
    before = client.snapshot(sandbox.add_status("One picture"))
    with pytest.raises(PlatformRefused, match="no longer has the pictures"):
        client.write_alt_texts(before, {"999": "Of something else."})
    with pytest.raises(PlatformRefused, match="no longer has the pictures"):
        client.write_alt_texts(before, {})
    assert sandbox.requests("PUT") == []


def test_a_server_that_may_not_be_written_gets_no_request(sandbox: SandboxHandle) -> None:
    post = sandbox.add_status("Read only")
    with mastodon(sandbox.url, sandbox.token, READING) as client:
        refuses_without_a_request(sandbox, client, client.snapshot(post), "something else")


def test_an_unknown_server_is_read_and_never_written(sandbox: SandboxHandle) -> None:
    post = sandbox.add_status("Elsewhere")
    with unknown(sandbox.url, sandbox.token) as client:
        before = client.snapshot(post)
        assert [status.id for status in client.statuses(client.verify().id)] == [post]
        with pytest.raises(PlatformRefused, match="something else"):
            client.write_alt_texts(before, {before.status.attachments[0].id: "A text."})
    assert sandbox.requests("PUT") == []


def test_an_over_long_text_is_refused_in_the_servers_words(sandbox: SandboxHandle, client: MastodonClient) -> None:
    before = client.snapshot(sandbox.add_status("Long"))
    with pytest.raises(PlatformRefused, match="maximum is 1500 characters"):
        client.write_alt_texts(before, {before.status.attachments[0].id: "x" * 1501})


def test_a_deleted_post_is_gone(sandbox: SandboxHandle, client: MastodonClient) -> None:
    post = sandbox.add_status("Soon gone")
    before = client.snapshot(post)
    sandbox.delete_status(post)
    with pytest.raises(StatusGone):
        client.snapshot(post)
    with pytest.raises(StatusGone):
        client.write_alt_texts(before, {before.status.attachments[0].id: "Too late."})


def test_it_knows_whom_the_token_speaks_for(sandbox: SandboxHandle, client: MastodonClient) -> None:
    account = client.verify()
    assert (account.id, account.username) == (sandbox.account_id, "demo")


@pytest.mark.parametrize("token", ["wrong", "ünusual", ""])
def test_a_wrong_token_is_refused(sandbox: SandboxHandle, token: str) -> None:
    with pytest.raises(CredentialsRefused), mastodon(sandbox.url, token) as client:
        client.verify()


def test_a_token_revoked_in_mid_run_is_refused(sandbox: SandboxHandle, client: MastodonClient) -> None:
    post = sandbox.add_status("Before")
    before = client.snapshot(post)
    sandbox.revoke(sandbox.token)
    with pytest.raises(CredentialsRefused, match="Make a new one"):
        client.write_alt_texts(before, {before.status.attachments[0].id: "After."})
    with pytest.raises(CredentialsRefused):
        list(client.statuses(sandbox.account_id))


def test_a_missing_permission_is_named(sandbox: SandboxHandle) -> None:
    post = sandbox.add_status("Read me")
    with mastodon(sandbox.url, sandbox.issue_token(scopes="read")) as client:
        before = client.snapshot(post)
        with pytest.raises(CredentialsRefused, match="write:statuses"):
            client.write_alt_texts(before, {before.status.attachments[0].id: "A text."})


def test_it_lists_every_post_once_and_no_boost(sandbox: SandboxHandle, client: MastodonClient) -> None:
    posts = [sandbox.add_status(f"Post {number}") for number in range(45)]
    sandbox.add_status("", pictures=0, reblog_of_id=posts[0])

    assert [status.id for status in client.statuses(sandbox.account_id)] == posts[::-1]


def test_a_walk_goes_on_where_it_was_interrupted(sandbox: SandboxHandle, client: MastodonClient) -> None:
    posts = [sandbox.add_status(f"Post {number}") for number in range(5)]
    assert [status.id for status in client.statuses(sandbox.account_id, max_id=posts[3])] == posts[2::-1]


def test_private_and_direct_posts_are_listed_as_what_they_are(sandbox: SandboxHandle, client: MastodonClient) -> None:
    for visibility in ("public", "private", "direct"):
        sandbox.add_status(visibility, visibility=visibility)
    listed = [status.visibility for status in client.statuses(sandbox.account_id) if isinstance(status, Status)]
    assert listed == ["direct", "private", "public"]


def test_it_stops_before_the_last_requests_of_the_period_are_used(
    sandbox: SandboxHandle, client: MastodonClient
) -> None:
    post = sandbox.add_status("Slowly")
    sandbox.set_rate_limit(30)  # the last three are the reserve
    for _ in range(14):
        client.snapshot(post)  # two requests

    with pytest.raises(PlatformUnavailable) as raised:
        client.snapshot(post)

    assert raised.value.retry_after is not None
    assert 0 < raised.value.retry_after <= 300
    assert len(sandbox.requests("GET", "/api")) < 30
    assert all(request.status == 200 for request in sandbox.requests("GET", "/api"))


def test_an_edit_that_was_sent_can_still_be_verified_from_the_reserve(
    sandbox: SandboxHandle, client: MastodonClient
) -> None:
    post, other = sandbox.add_status("Begun"), sandbox.add_status("Not begun")
    sandbox.set_rate_limit(40)  # the last four are the reserve
    before = [client.snapshot(post) for _ in range(18)][-1]  # two requests each

    client.write_alt_texts(before, {before.status.attachments[0].id: "A square."})

    assert client.snapshot(post).status.attachments[0].description == "A square."
    with pytest.raises(PlatformUnavailable, match="nearly used up"):
        client.snapshot(other)
    assert sandbox.requests("GET", f"/api/v1/statuses/{other}") == []


@pytest.mark.parametrize(("option", "seconds"), [("retry_after", 7), ("retry_after_date", 60), ("reset_after", 120)])
def test_a_429_says_when_to_come_back(
    sandbox: SandboxHandle, client: MastodonClient, option: str, seconds: int
) -> None:
    post = sandbox.add_status("Busy")
    options: dict[str, Any] = {option: seconds}
    sandbox.fault(429, path_prefix="/api/v1/statuses", **options)
    with pytest.raises(PlatformUnavailable) as raised:
        client.snapshot(post)
    assert raised.value.retry_after == pytest.approx(seconds, abs=5)


def test_a_server_in_trouble_is_asked_again_later(sandbox: SandboxHandle, client: MastodonClient) -> None:
    post = sandbox.add_status("Trouble")
    sandbox.fault(503, retry_after=11)
    with pytest.raises(PlatformUnavailable) as raised:
        client.snapshot(post)
    assert raised.value.retry_after == 11
    sandbox.fault("reset")
    with pytest.raises(PlatformUnavailable):
        client.snapshot(post)


def test_a_web_page_instead_of_an_answer_is_named(sandbox: SandboxHandle, client: MastodonClient) -> None:
    post = sandbox.add_status("Wall")
    sandbox.fault("html", times=None)
    with pytest.raises(PlatformRefused, match="web page") as raised:
        client.snapshot(post)
    assert not isinstance(raised.value, StatusGone)


def test_a_404_page_of_a_proxy_is_not_a_deleted_post(sandbox: SandboxHandle, client: MastodonClient) -> None:
    post = sandbox.add_status("Still there")
    sandbox.fault("html", status=404)
    with pytest.raises(PlatformRefused, match="web page") as raised:
        client.snapshot(post)
    assert not isinstance(raised.value, StatusGone)
