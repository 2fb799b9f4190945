"""What every family must do, whatever its way: one suite, against the sandbox like each and a real snac 2.96."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from platforms.clients.base import CredentialsRefused, PlatformRefused, Snapshot, Status, StatusGone
from platforms.clients.families import FAMILIES
from platforms.clients.profile import Way
from platforms.clients.writing import Writer
from platforms.sandbox.testing import Picture, SandboxHandle
from platforms.tests.contract import (
    SERVERS,
    Server,
    alt_texts_of,
    changed_requests,
    client_of,
    found_at,
    ids_of,
    running,
)

pytestmark = pytest.mark.once

ODD_TEXTS = {
    "emoji": "Ein Segelboot 🏳️‍🌈 👩‍👩‍👧 e\u0301",
    "special characters": "4 > 1 & 2 < 3, \"Möwe\", 'Wind', C:\\neu, 100 %, I <3 it",
    "line breaks": "Eine Tabelle:\n\n  eins\n  zwei",
    "markup of others": "**bold** #tag @bob https://example.org/a?b=1&c=2",
}
TEXT = "Zwei Bäume & ein Haus 🏡\n\neingerückt, #Wald https://example.org/a?b=c&d=e"


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    with running(request.param, tmp_path) as found:
        yield found


@pytest.fixture
def client(server: Server) -> Iterator[Writer]:
    with client_of(server) as client:
        yield client


def rest_of(snapshot: Snapshot) -> Snapshot:
    """Everything that writing alt texts must not change. An edit gives the post a date, and on snac a new id."""
    pictures = tuple(replace(one, description=None) for one in snapshot.status.attachments)
    return replace(snapshot, status=replace(snapshot.status, id="", edited_at="", attachments=pictures))


def add_post(server: Server, client: Writer, text: str = TEXT, **values: Any) -> str:
    """A post that this family can be asked to write to: no language where an edit would lose it."""
    if isinstance(server, SandboxHandle) and client.profile.family in ("mastodon", "gotosocial"):
        values.setdefault("language", "de")
    return server.add_status(text, **values)


def test_it_is_known_for_what_it_is(server: Server, client: Writer) -> None:
    found = found_at(server)
    assert found.family == client.profile.family
    assert found.instance.software in client.profile.software
    assert client.capabilities.can_write
    assert client.capabilities.notes


def test_the_token_speaks_for_the_account(server: Server, client: Writer) -> None:
    account = client.verify()
    assert (account.id, account.username) == (server.account_id, "demo")


def test_every_own_post_is_listed_once_and_no_boost(server: Server, client: Writer) -> None:
    posts = [server.add_status(f"Post {number}", pictures=number % 2) for number in range(45)]
    uris = [server.status(post)["uri"] for post in posts]
    if isinstance(server, SandboxHandle):
        server.add_status("", pictures=0, reblog_of_id=posts[0])
    listed = [status for status in client.statuses(client.verify().id) if isinstance(status, Status)]
    assert [status.uri for status in listed] == uris[::-1]
    assert not any(status.is_reblog for status in listed)


def test_a_walk_goes_on_where_it_was_interrupted(server: Server, client: Writer) -> None:
    posts = [server.add_status(f"Post {number}", pictures=0) for number in range(4)]
    listed = [status.id for status in client.statuses(client.verify().id)]
    again = [status.id for status in client.statuses(client.verify().id, max_id=listed[1])]
    assert (len(listed), again) == (len(posts), listed[2:])


@pytest.mark.parametrize("visibility", ["public", "unlisted", "private", "direct"])
def test_alt_texts_are_written_and_nothing_else_changes(server: Server, client: Writer, visibility: str) -> None:
    pictures = [Picture("Der erste bleibt."), Picture(None, focus="-0.42,0.17"), Picture("Der dritte."), Picture(None)]
    values: dict[str, Any] = {"spoiler_text": "Vorsicht: „Wald“", "sensitive": True, "visibility": visibility}
    post = add_post(server, client, pictures=pictures, **values)
    before = client.snapshot(post)
    ids = ids_of(before)

    client.write_alt_texts(before, {ids[1]: "Ein Baum.", ids[3]: "Noch einer."})

    after = client.snapshot(post)
    assert rest_of(after) == rest_of(before)
    assert alt_texts_of(after) == ["Der erste bleibt.", "Ein Baum.", "Der dritte.", "Noch einer."]


@pytest.mark.parametrize("pictures", [1, 4])
def test_every_way_sends_what_it_says_and_no_more(server: Server, client: Writer, pictures: int) -> None:
    post = add_post(server, client, pictures=pictures)
    before = client.snapshot(post)
    asked: list[int] = []

    client.write_alt_texts(
        before,
        {pk: f"Picture {number}" for number, pk in enumerate(ids_of(before))},
        before_each=lambda: asked.append(len(changed_requests(server))),
    )

    sent = changed_requests(server)
    edits = [path for path in sent if path.startswith("/api/v1/statuses/")]
    media = [path for path in sent if path.startswith("/api/v1/media/")]
    expected = {Way.EDIT: (1, 0), Way.MEDIA: (0, pictures), Way.MEDIA_AND_EDIT: (1, pictures)}
    assert (len(edits), len(media)) == expected[client.capabilities.way]
    assert asked == list(range(len(sent)))  # right before each of them
    assert alt_texts_of(client.snapshot(post)) == [f"Picture {number}" for number in range(pictures)]
    if isinstance(server, SandboxHandle):
        assert server.edits(post) == len(edits)


@pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS)
def test_a_text_comes_back_as_it_was_written(server: Server, client: Writer, text: str) -> None:
    post = add_post(server, client)
    before = client.snapshot(post)
    (pk,) = ids_of(before)

    client.write_alt_texts(before, {pk: text})

    after = client.snapshot(post)
    shown = after.status.attachments[0].description
    assert client.same_text(text, shown)
    assert not client.same_text(f"{text}!", shown)
    assert not client.same_text(text[1:], shown)
    assert rest_of(after) == rest_of(before)


def test_the_texts_of_before_can_be_put_back(server: Server, client: Writer) -> None:
    post = add_post(server, client, pictures=[Picture(None), Picture("Alt & älter"), Picture("Bleibt")])
    before = client.snapshot(post)
    first, second, _third = before.status.attachments
    client.write_alt_texts(before, {first.id: "Neu.", second.id: "Auch neu."})

    client.write_alt_texts(client.snapshot(post), {first.id: "", second.id: second.description or ""})

    after = client.snapshot(post)
    assert all(map(client.same_text, alt_texts_of(before), alt_texts_of(after)))
    assert rest_of(after) == rest_of(before)


def test_what_is_there_already_is_not_written_to_a_picture_again(server: Server, client: Writer) -> None:
    if client.capabilities.way is not Way.MEDIA:
        pytest.skip("it writes by an edit, which carries every picture")
    post = add_post(server, client, pictures=3)
    before = client.snapshot(post)
    first, *others = ids_of(before)
    client.write_alt_texts(before, {first: "Der erste & einzige."})

    client.write_alt_texts(client.snapshot(post), {first: "Der erste & einzige.", **dict.fromkeys(others, "Später.")})

    assert len(changed_requests(server)) == 3
    assert alt_texts_of(client.snapshot(post))[1:] == ["Später."] * 2


def refuses_without_a_request(
    server: Server, client: Writer, before: Snapshot, texts: dict[str, str], why: str
) -> None:
    with pytest.raises(PlatformRefused, match=why):
        client.require_writable(before, texts)
    with pytest.raises(PlatformRefused, match=why):
        client.write_alt_texts(before, texts)
    assert changed_requests(server) == []


def test_a_post_with_a_poll_is_refused(server: Server, client: Writer) -> None:
    before = client.snapshot(add_post(server, client))
    with_poll = replace(before, status=replace(before.status, poll={"id": "1", "options": []}))
    refuses_without_a_request(server, client, with_poll, {ids_of(before)[0]: "Ein Baum."}, "poll")
    with pytest.raises(PlatformRefused) as refused:
        client.require_writable(with_poll)
    edits = client.capabilities.way is not Way.MEDIA
    assert ("an edit would" in refused.value.reason) == edits  # and no edit is spoken of where none is ever made


def test_a_picture_that_the_post_does_not_have_is_refused(server: Server, client: Writer) -> None:
    before = client.snapshot(add_post(server, client))
    for texts in ({}, {"999": "Von etwas anderem."}, {ids_of(before)[0]: "Ein Baum.", "999": "Von etwas anderem."}):
        refuses_without_a_request(server, client, before, texts, "no longer has the pictures")


def test_a_text_over_the_limit_is_refused_before_it_is_sent(server: Server, client: Writer) -> None:
    before = client.snapshot(add_post(server, client))
    (pk,) = ids_of(before)
    limit = client.capabilities.alt_text_limit
    if limit is None:
        client.write_alt_texts(before, {pk: "ä" * 4000})
        assert alt_texts_of(client.snapshot(before.status.id)) == ["ä" * 4000]
        return
    refuses_without_a_request(server, client, before, {pk: "ä" * (limit + 1)}, "longer than")
    client.write_alt_texts(before, {pk: "🌲" * limit})
    assert alt_texts_of(client.snapshot(before.status.id)) == ["🌲" * limit]


def test_a_deleted_post_is_gone(server: Server, client: Writer) -> None:
    post = add_post(server, client)
    before = client.snapshot(post)
    server.delete_status(post)
    with pytest.raises(StatusGone):
        client.snapshot(post)
    if client.capabilities.way is not Way.MEDIA:  # nobody sees a picture whose post is gone
        with pytest.raises(StatusGone):
            client.write_alt_texts(before, {ids_of(before)[0]: "Zu spät."})


def test_a_revoked_token_is_refused_by_every_call(server: Server) -> None:
    token = server.issue_token()
    with client_of(server, token) as client:
        account, post = client.verify().id, add_post(server, client)
        before = client.snapshot(post)
        server.revoke(token)
        calls: list[Callable[[], object]] = [
            client.verify,
            lambda: client.snapshot(post),
            lambda: client.write_alt_texts(before, {ids_of(before)[0]: "Danach."}),
        ]
        if client.profile.family != "snac":  # it lists what is public to everybody
            calls.append(lambda: list(client.statuses(account)))
        for call in calls:
            with pytest.raises(CredentialsRefused):
                call()


def test_a_token_that_may_only_read_is_named_as_such(server: Server, client: Writer) -> None:
    if client.profile.family == "snac" or found_at(server).instance.version == "0.18.3":
        pytest.skip("snac, and GoToSocial before 0.19, give every token all rights")
    post = add_post(server, client)
    with client_of(server, server.issue_token(scopes="read")) as reading:
        before = reading.snapshot(post)
        with pytest.raises(CredentialsRefused):
            reading.write_alt_texts(before, {ids_of(before)[0]: "Ein Baum."})
    assert alt_texts_of(client.snapshot(post)) == [""]


def test_the_least_scopes_suffice(server: Server, client: Writer) -> None:
    scopes = " ".join(client.capabilities.scopes)
    with client_of(server, server.issue_token(scopes=scopes)) as least:
        post = add_post(server, least)
        before = least.snapshot(post)
        assert [status.uri for status in least.statuses(least.verify().id) if isinstance(status, Status)]
        least.write_alt_texts(before, {ids_of(before)[0]: "Ein Baum."})
        assert alt_texts_of(least.snapshot(post)) == ["Ein Baum."]


def test_no_history_is_no_error(server: Server, client: Writer) -> None:
    post = add_post(server, client)
    before = client.snapshot(post)
    client.write_alt_texts(before, {ids_of(before)[0]: "Ein Baum."})
    versions = client.history(post)
    if versions and client.capabilities.way is not Way.MEDIA:
        assert list(versions[-1].alt_texts.values()) == ["Ein Baum."]


def test_every_family_is_in_this_suite() -> None:
    assert {name.partition("-")[0] for name in SERVERS} >= set(FAMILIES) - {"unknown"}
