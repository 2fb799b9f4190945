"""What only one family does: the traps of each, on the sandbox that is like it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from accounts.tests.people import make_user
from platforms.clients.api import Api
from platforms.clients.base import (
    Capabilities,
    CredentialsRefused,
    PlatformRefused,
    PlatformUnavailable,
    Snapshot,
    Status,
)
from platforms.clients.families import FAMILIES
from platforms.clients.pixelfed import PixelfedClient
from platforms.clients.profile import Version, Way, has_reached
from platforms.clients.snac import SnacClient
from platforms.clients.takahe import TakaheClient
from platforms.clients.writing import Writer
from platforms.sandbox.testing import Picture, SandboxHandle, running_sandbox
from platforms.speaking import why_not_kept
from platforms.tests.cast import WRITING, a_status, attachment_json, host_of, make_connection, status_json
from platforms.tests.contract import alt_texts_of, changed_requests, client_of, found_at, ids_of

Speaking = tuple[SandboxHandle, Writer]


@contextmanager
def speaking(folder: Path, like: str, version: str | None = None) -> Iterator[Speaking]:
    """A sandbox like that family, and our client, which may be one that does not write."""
    with (
        running_sandbox(folder, with_samples=False, like=like, version=version) as sandbox,
        client_of(sandbox) as client,
    ):
        yield sandbox, client


def refused(server: SandboxHandle, client: Writer, before: Snapshot, why: str, text: str = "A tree.") -> None:
    with pytest.raises(PlatformRefused, match=why):
        client.write_alt_texts(before, {ids_of(before)[0]: text})
    assert changed_requests(server) == []


def with_status(before: Snapshot, **changes: Any) -> Snapshot:
    return replace(before, status=replace(before.status, **changes))


@pytest.mark.parametrize(
    ("version", "since", "reached"),
    [
        ("4.1.0", (4, 1), True),
        ("v4.1", (4, 1, 0), True),
        ("4.10", (4, 9), True),
        ("4.0.15", (4, 1), False),
        ("4.1.0rc1", (4, 1), False),
        ("4.1.0-beta.2", (4, 1), False),
        ("4.1.0+glitch", (4, 1), True),
        ("4.1.1rc1", (4, 1), True),
        ("2.96-1~bpo13+1", (2, 96), True),
        ("0.20.0 git-57cb4fe", (0, 20), True),
        ("4", (4, 1), False),
        ("5", (4, 1), True),
        ("", (), False),
        ("nightly", (), False),
        ("0.1-dev", (), True),
    ],
)
def test_a_version_has_what_came_with_an_earlier_one(version: str, since: Version, reached: bool) -> None:
    assert has_reached(version, since) is reached


def test_every_profile_is_whole() -> None:
    for family in FAMILIES.values():
        profile = family.profile
        assert family.client.profile is profile
        assert profile.proof
        for writing in profile.writings:
            assert set(profile.reading_scopes) <= set(writing.scopes)
            assert any(scope.startswith("write") for scope in writing.scopes)


class TestMastodon:
    def test_a_post_without_a_language_is_refused(self, tmp_path: Path) -> None:
        with speaking(tmp_path, "mastodon") as (server, client):
            before = client.snapshot(server.add_status("Ohne", language=None))
            refused(server, client, with_status(before, language=None), "no language")

    def test_a_warning_without_the_mark_is_refused(self, tmp_path: Path) -> None:
        with speaking(tmp_path, "mastodon") as (server, client):
            before = client.snapshot(server.add_status("Wald", spoiler_text="Natur", language="de"))
            refused(server, client, with_status(before, sensitive=False), "sensitive mark")


class TestGotosocial:
    def test_an_edit_takes_texts_as_they_are(self, tmp_path: Path) -> None:
        with speaking(tmp_path, "gotosocial") as (server, client):
            before = client.snapshot(server.add_status("Wald", language="de"))
            text = "<b>Ein</b> Baum &amp; &copy; <!-- noch einer -->"
            client.write_alt_texts(before, {ids_of(before)[0]: text})
            assert alt_texts_of(client.snapshot(before.status.id)) == [text]

    @pytest.mark.parametrize("text", ["<b>Baum</b>", "a</p>", "<!-- x -->", "&copy; 2026", "&amp;", "x &#60; y"])
    def test_before_0_19_what_looks_like_html_is_refused(self, tmp_path: Path, text: str) -> None:
        with speaking(tmp_path, "gotosocial", "0.18.3") as (server, client):
            before = client.snapshot(server.add_status("Wald"))
            refused(server, client, before, "This server", text)

    def test_before_0_19_a_markdown_post_stays_one(self, tmp_path: Path) -> None:
        with speaking(tmp_path, "gotosocial", "0.18.3") as (server, client):
            post = server.add_status("**Wald**", content_type="text/markdown")
            before = client.snapshot(post)
            client.write_alt_texts(before, {ids_of(before)[0]: "Ein Baum."})
            assert server.status(post)["content_type"] == "text/markdown"
            assert client.snapshot(post).status.edited_at == ""

    def test_a_post_of_unknown_format_is_refused(self, tmp_path: Path) -> None:
        with speaking(tmp_path, "gotosocial") as (server, client):
            before = client.snapshot(server.add_status("Wald", language="de"))
            unsaid = replace(before, source=replace(before.source, content_type=None))
            refused(server, client, unsaid, "Markdown")
            refused(server, client, with_status(before, language=None), "no language")

    def test_a_minimum_is_told_in_the_servers_words(self, tmp_path: Path) -> None:
        with speaking(tmp_path, "gotosocial", "0.18.3") as (server, client):
            server.set_alt_limits(1500, 20)
            before = client.snapshot(server.add_status("Wald"))
            with pytest.raises(PlatformRefused, match="less than 20 chars"):
                client.write_alt_texts(before, {ids_of(before)[0]: "Ein Baum."})

    def test_the_operators_limit_is_read_and_kept(self, tmp_path: Path) -> None:
        with running_sandbox(tmp_path, with_samples=False, like="gotosocial") as server:
            server.set_alt_limits(40)
            assert found_at(server).instance.alt_text_limit == 40
            with client_of(server) as client:
                before = client.snapshot(server.add_status("Wald", language="de"))
                refused(server, client, before, "40 characters", "x" * 41)


class TestPixelfed:
    @pytest.mark.parametrize("text", ["<b>Baum</b>", "a < b > c", "x</p>", "<script", "a <", "&copy; 2026", "&quot;"])
    def test_what_would_vanish_is_refused(self, tmp_path: Path, text: str) -> None:
        with speaking(tmp_path, "pixelfed") as (server, client):
            refused(server, client, client.snapshot(server.add_status("Wald")), "This server", text)

    @pytest.mark.parametrize("text", ["Tom & Jerry", "2 < 3", "I <3 it", "5 > 4", "&amp;", "&lt;b&gt; &amp;copy;"])
    def test_what_comes_back_as_entities_is_known(self, tmp_path: Path, text: str) -> None:
        with speaking(tmp_path, "pixelfed") as (server, client):
            post = server.add_status("Wald")
            before = client.snapshot(post)
            client.write_alt_texts(before, {ids_of(before)[0]: text})
            (shown,) = alt_texts_of(client.snapshot(post))
            assert client.same_text(text, shown)
            # And what is shown can be written again, as an undo does.
            client.write_alt_texts(client.snapshot(post), {ids_of(before)[0]: "Anders."})
            client.write_alt_texts(client.snapshot(post), {ids_of(before)[0]: shown})
            assert alt_texts_of(client.snapshot(post)) == [shown]

    @pytest.mark.parametrize(
        ("written", "shown"),
        [("a & b", "a b"), ("a & b", ""), ("<3", "3"), ("a", None), ("a", f"&#{'9' * 5000};")],
    )
    def test_no_other_difference_is_forgiven(self, written: str, shown: str | None) -> None:
        with Api("https://social.example", token="t") as api:
            assert not PixelfedClient(api, WRITING).same_text(written, shown)

    def test_ten_pictures_a_minute_and_then_the_rest(self, tmp_path: Path) -> None:
        with speaking(tmp_path, "pixelfed") as (server, client):
            server.set_media_writes_per_minute(2)
            post = server.add_status("Album", pictures=4)
            before = client.snapshot(post)
            texts = {pk: f"Bild {number}." for number, pk in enumerate(ids_of(before))}
            with pytest.raises(PlatformUnavailable):
                client.write_alt_texts(before, texts)
            assert alt_texts_of(Snapshot(a_status(**server.status(post)), before.source)) == [
                "Bild 0.",
                "Bild 1.",
                "",
                "",
            ]

            server.set_media_writes_per_minute(100)
            with client_of(server) as another:
                another.write_alt_texts(another.snapshot(post), texts)
                assert alt_texts_of(another.snapshot(post)) == list(texts.values())
            done = [request for request in server.requests("PUT") if request.status == 200]
            assert [request.path.rpartition("/")[2] for request in done] == list(texts)

    def test_the_text_that_is_shown_stands_for_the_source(self, tmp_path: Path) -> None:
        with speaking(tmp_path, "pixelfed") as (server, client):
            before = client.snapshot(server.add_status("Wald & Wiese", spoiler_text="Natur", sensitive=True))
            assert (before.source.text, before.source.spoiler_text) == ("Wald & Wiese", "Natur")
            assert not [request for request in server.requests("GET") if request.path.endswith("/source")]


class TestTakahe:
    def test_a_post_is_never_edited_so_private_ones_stay_private(self, tmp_path: Path) -> None:
        with speaking(tmp_path, "takahe") as (server, client):
            post = server.add_status(
                "Geheim", visibility="private", pictures=[Picture("Alt.", focus="0.5,0.5"), Picture()]
            )
            before = client.snapshot(post)
            client.write_alt_texts(before, {ids_of(before)[0]: "", ids_of(before)[1]: "Neu."})
            after = client.snapshot(post)
            assert (after.status.visibility, alt_texts_of(after)) == ("private", ["", "Neu."])
            assert after.status.attachments[0].focus == before.status.attachments[0].focus
            sent = [json.loads(request.body_json or "") for request in server.requests("PUT")]
            assert sent == [{"description": ""}, {"description": "Neu."}]

    def test_only_media_is_not_asked_for_and_a_post_that_is_repeated_comes_once(self, httpserver: HTTPServer) -> None:
        twice = [status_json(9), status_json(9), status_json(8), status_json(9)]
        path = "/api/v1/accounts/1/statuses"
        httpserver.expect_ordered_request(path, query_string="limit=40&exclude_reblogs=true").respond_with_json(twice)
        httpserver.expect_ordered_request(
            path, query_string="limit=40&exclude_reblogs=true&max_id=8"
        ).respond_with_json([])
        url = httpserver.url_for("").rstrip("/")
        with Api(url, token="t", allow=[host_of(url)]) as api:
            assert [status.id for status in TakaheClient(api, WRITING).statuses("1")] == ["9", "8"]
        httpserver.check_assertions()

    def test_only_a_web_page_of_status_400_means_a_bad_token(self, httpserver: HTTPServer) -> None:
        page: dict[str, Any] = {"response_data": "Invalid Bearer token", "content_type": "text/html", "status": 400}
        httpserver.expect_oneshot_request("/api/v1/statuses/1").respond_with_data(**page)
        httpserver.expect_oneshot_request("/api/v1/statuses/2").respond_with_json({"error": "odd id"}, status=400)
        url = httpserver.url_for("").rstrip("/")
        with Api(url, token="t", allow=[host_of(url)]) as api:
            client = TakaheClient(api, WRITING)
            with pytest.raises(CredentialsRefused):
                client.snapshot("1")
            with pytest.raises(PlatformRefused, match="odd id") as raised:
                client.snapshot("2")
        assert not isinstance(raised.value, CredentialsRefused)

    def test_a_narrow_token_is_not_enough_to_say_who_one_is(self, tmp_path: Path) -> None:
        with running_sandbox(tmp_path, with_samples=False, like="takahe") as server:
            token = server.issue_token(scopes="read:accounts read:statuses")
            with client_of(server, token) as client, pytest.raises(CredentialsRefused, match="permission"):
                client.verify()


class TestPleroma:
    def test_an_edit_sends_no_more_than_its_schema_knows(self, tmp_path: Path) -> None:
        with speaking(tmp_path, "pleroma") as (server, client):
            before = client.snapshot(server.add_status("**Wald**", content_type="text/markdown", pictures=2))
            client.write_alt_texts(before, {ids_of(before)[1]: "Ein Baum."})
            media, edit = server.requests("PUT")
            assert json.loads(media.body_json or "") == {"description": "Ein Baum."}
            assert json.loads(edit.body_json or "") == {
                "status": "**Wald**",
                "spoiler_text": "",
                "sensitive": False,
                "media_ids": ids_of(before),
                "content_type": "text/markdown",
            }

    def test_a_picture_whose_upload_is_not_found_is_refused(self, tmp_path: Path) -> None:
        with speaking(tmp_path, "pleroma") as (server, client):
            post = server.add_status("Alt", pictures=2)
            server.hash_media_ids(post)
            refused(server, client, client.snapshot(post), "does not find a picture")

    def test_an_upload_that_differs_does_not_change_another_picture(self, tmp_path: Path) -> None:
        """The edit copies every upload into the post, also one that somebody described and did not post again."""
        with speaking(tmp_path, "pleroma") as (server, client):
            post = server.add_status("Wald", pictures=[Picture("Bleibt."), Picture(None)])
            before = client.snapshot(post)
            first, second = ids_of(before)
            with Api(server.url, token=server.token, allow=[host_of(server.url)]) as api:
                api.put(f"/api/v1/media/{first}", json={"description": "Beim Upload anders."})
            client.write_alt_texts(before, {second: "Ein Baum."})
            assert alt_texts_of(client.snapshot(post)) == ["Bleibt.", "Ein Baum."]

    def test_a_break_before_the_edit_leaves_the_post_as_it_was(self, tmp_path: Path) -> None:
        with speaking(tmp_path, "pleroma") as (server, client):
            post = server.add_status("Wald", pictures=2)
            before = client.snapshot(post)
            texts = dict.fromkeys(ids_of(before), "Ein Baum.")
            server.fault(400, method="PUT", path_prefix="/api/v1/statuses")
            with pytest.raises(PlatformRefused):
                client.write_alt_texts(before, texts)
            assert client.snapshot(post) == before
            client.write_alt_texts(before, texts)
            assert alt_texts_of(client.snapshot(post)) == ["Ein Baum.", "Ein Baum."]
            assert server.edits(post) == 1

    def test_what_an_edit_would_lose_is_refused(self, tmp_path: Path) -> None:
        with speaking(tmp_path, "pleroma") as (server, client):
            before = client.snapshot(server.add_status("Hallo @ann.a und @bob-x, @carl."))
            refused(server, client, with_status(before, language="de"), "language")
            for unnamed in ("ann", "bob", "dora", "car"):
                refused(server, client, with_status(before, mentions=(f"{unnamed}@far.example",)), "does not name")
            for named in ("ann.a@far.example", "bob-x", "Carl@far.example"):
                client.require_writable(with_status(before, mentions=(named,)))


class TestSnac:
    def test_2_75_is_never_written_to(self, tmp_path: Path) -> None:
        with speaking(tmp_path, "snac", "2.75") as (server, client):
            refused(server, client, client.snapshot(server.add_status("Wald", language="en")), r"2\.75.*by hand")

    def test_the_old_id_leads_to_the_post_after_an_edit(self, tmp_path: Path) -> None:
        with speaking(tmp_path, "snac") as (server, client):
            post = server.add_status("Wald", language="en")
            before = client.snapshot(post)
            client.write_alt_texts(before, {ids_of(before)[0]: "Ein Baum."})
            after = client.snapshot(post)
            assert (after.status.uri, alt_texts_of(after)) == (before.status.uri, ["Ein Baum."])
            assert after.status.id != before.status.id

    def test_what_an_edit_would_damage_is_refused(self, tmp_path: Path) -> None:
        with speaking(tmp_path, "snac") as (server, client):
            before = client.snapshot(server.add_status("Wald", language="en", spoiler_text="Natur", sensitive=True))
            refused(server, client, with_status(before, language="de"), "English")
            refused(server, client, with_status(before, sensitive=False), "sensitive mark")
            refused(server, client, with_status(before, mentions=("bob@far.example",)), "does not name")
            for odd in ("nope", f"{before.status.uri}_x", "https://elsewhere.example/p/1_0"):
                picture = replace(before.status.attachments[0], id=odd)
                refused(server, client, with_status(before, attachments=(picture,)), "unusual way")

    def test_a_list_that_ends_because_a_post_was_edited_begins_again(self, httpserver: HTTPServer) -> None:
        path, query = "/api/v1/accounts/1/statuses", "limit=256&exclude_reblogs=true"
        posts = [status_json(9), status_json(8)]
        httpserver.expect_request(path, query_string=f"{query}&max_id=7").respond_with_json([])
        httpserver.expect_request(path, query_string=query).respond_with_json(posts)
        httpserver.expect_request(path, query_string=f"{query}&max_id=8").respond_with_json([])
        url = httpserver.url_for("").rstrip("/")
        with Api(url, token="t", allow=[host_of(url)]) as api:
            client = SnacClient(api, WRITING)
            assert [status.id for status in client.statuses("1", max_id="7")] == ["9", "8"]
            assert [status.id for status in client.statuses("1", max_id="8")] == ["9", "8"]

    def test_whom_a_reply_answers_is_mentioned_once(self) -> None:
        bob = {"id": "0", "username": "bob", "acct": "bob@far.example"}
        assert a_status(mentions=[bob, {**bob, "id": "1"}]).mentions == ("bob@far.example",)

    def test_a_404_page_that_is_not_snacs_is_not_a_deleted_post(self, httpserver: HTTPServer) -> None:
        page: dict[str, Any] = {
            "response_data": "<h1>404 Not Found</h1>nginx",
            "content_type": "text/html",
            "status": 404,
        }
        httpserver.expect_request("/api/v1/statuses/1").respond_with_data(**page)
        url = httpserver.url_for("").rstrip("/")
        with Api(url, token="t", allow=[host_of(url)]) as api, pytest.raises(PlatformRefused, match="web page"):
            SnacClient(api, WRITING).snapshot("1")


def test_the_walk_goes_on_below_the_smallest_number_of_a_page(httpserver: HTTPServer) -> None:
    """Pixelfed sorts by the date of a post, which need not be the order of the ids."""
    path, query = "/api/v1/accounts/1/statuses", "limit=40&exclude_reblogs=true"
    first = [status_json(pk, media_attachments=[attachment_json()]) for pk in (110, 99, 100)]
    httpserver.expect_request(path, query_string=query).respond_with_json(first)
    httpserver.expect_request(path, query_string=f"{query}&max_id=99").respond_with_json([])
    url = httpserver.url_for("").rstrip("/")
    with Api(url, token="t", allow=[host_of(url)]) as api:
        listed = [status for status in PixelfedClient(api, WRITING).statuses("1") if isinstance(status, Status)]
    assert [status.id for status in listed] == ["110", "99", "100"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("software", "version", "kept"),
    [
        ("pixelfed", "0.11.13", False),
        ("gotosocial", "0.18.0", False),
        ("gotosocial", "0.20.0", True),
        ("mastodon", "4.4", True),
    ],
)
def test_a_reviewer_can_be_told_what_a_server_would_make_of_a_text(software: str, version: str, kept: bool) -> None:
    connection = make_connection(make_user(), platform_type=software, software=software, software_version=version)
    assert (why_not_kept(connection, "Ein <b>Baum</b>.") == "") is kept
    assert why_not_kept(connection, "Ein Baum.") == ""


@pytest.mark.django_db
def test_nothing_is_said_of_texts_where_nothing_is_written() -> None:
    connection = make_connection(make_user(), platform_type="unknown", software="misskey", software_version="13")
    assert why_not_kept(connection, "Ein <b>Baum</b>.") == ""


def test_the_way_of_a_connection_is_told_in_sentences(tmp_path: Path) -> None:
    with running_sandbox(tmp_path, with_samples=False, like="pixelfed") as server:
        silent: Capabilities = found_at(server).capabilities
    assert (silent.way, silent.federates, silent.notifies) == (Way.MEDIA, False, False)
    assert any("not told" in note for note in silent.notes)
    assert "Nobody is notified." in silent.notes
