"""Every field of a post, damaged by the very edit that carries our alt texts: the alarm names it, and nothing else.

The server is a sandbox of Mastodon whose answers about an edited post differ in exactly one thing.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any
from unittest.mock import patch

from captions import actions
from captions.models import Publication
from platforms.clients.base import Attachment, Snapshot, Status, StatusSource
from platforms.models import PlatformConnection
from platforms.sandbox.entities import Entities
from platforms.sandbox.families.mastodon import Mastodon
from platforms.sandbox.testing import Picture
from platforms.tests.cast import a_status
from processing.publishing import Result, publish_publication
from processing.publishing.compare import LEFT_OUT, differences
from processing.publishing.steps import Step
from processing.tests.families_case import FamilyCase, at

Json = dict[str, Any]
Shape = Callable[[Json], Json]


def same(entity: Json) -> Json:
    return entity


def put(**values: Any) -> Shape:
    return lambda entity: entity | values


def picture(number: int, **values: Any) -> Shape:
    """Change one picture, counted from 1; `focus` is what stands in `meta`."""

    def shape(entity: Json) -> Json:
        pictures = [dict(one) for one in entity["media_attachments"]]
        mine = pictures[number - 1]
        if "focus" in values:
            mine["meta"] = {**mine["meta"], "focus": values["focus"]}
        mine |= {key: value for key, value in values.items() if key != "focus"}
        return entity | {"media_attachments": pictures}

    return shape


def pictures(choose: Callable[[list[Json]], list[Json]]) -> Shape:
    return lambda entity: entity | {"media_attachments": choose(entity["media_attachments"])}


def content(change: Callable[[str], str]) -> Shape:
    return lambda entity: entity | {"content": change(entity["content"])}


QUOTE = {"state": "accepted", "quoted_status": {"id": "4711"}}
PENDING = {"state": "pending", "quoted_status": None}
POLICY = {"can_reply": {"always": ["followers"], "with_approval": []}}
POLL: Json = {
    "id": "9",
    "options": [{"title": "Yes", "votes_count": 2}, {"title": "No", "votes_count": 0}],
    "expired": False,
}
# What servers other than plain Mastodon say of a post, too.
RICH = put(
    quote=QUOTE, interaction_policy=POLICY, local_only=True, emojis=[{"shortcode": "boat"}, {"shortcode": "sun"}]
)


@dataclass(frozen=True)
class Case:
    """What the server says once the post was edited; `before`, what it said until then; and of which object."""

    after: Shape
    named: str = ""  # the whole of what the alarm says; empty: there must be none
    before: Shape = same
    of: str = "status"


def changed(name: str, after: Shape, of: str = "status") -> Case:
    return Case(after, f"The {name} changed.", of=of)


# Field -> what damages it.
STATUS: Mapping[str, list[Case]] = {
    "uri": [changed("address of the post", put(uri="https://elsewhere.example/1"))],
    "account_id": [changed("author", lambda entity: entity | {"account": entity["account"] | {"id": "999"}})],
    "created_at": [changed("date", put(created_at="2001-01-01T00:00:00.000Z"))],
    "visibility": [changed("visibility", put(visibility="unlisted"))],
    "sensitive": [changed("sensitive mark", put(sensitive=False))],
    "spoiler_text": [changed("content warning", put(spoiler_text=""))],
    "in_reply_to_id": [changed("reply", put(in_reply_to_id=None))],
    "quoted_id": [
        changed("quoted post", put(quote=None)),
        changed("quoted post", put(quote=QUOTE | {"quoted_status": {"id": "4712"}})),
        Case(put(quote=None), "The quoted post changed.", before=put(quote=PENDING)),
        Case(put(quote=PENDING), "The quoted post changed.", before=put(quote=None)),
    ],
    "quote_approval": [
        changed("quote policy", put(quote_approval={"automatic": [], "manual": [], "current_user": "automatic"})),
        changed("quote policy", put(quote_approval=None)),
    ],
    "interaction_policy": [changed("interaction policy", put(interaction_policy=None))],
    "local_only": [changed("limit to its own server", put(local_only=False))],
    "mentions": [changed("mentions", put(mentions=[]))],
    "tags": [changed("hashtags", put(tags=[]))],
    "emojis": [changed("emojis", put(emojis=[{"shortcode": "boat"}]))],
    "content": [
        changed("text as it is shown", content(lambda html: html.replace("Hello", "Hallo"))),
        changed("text as it is shown", content(lambda html: re.sub(r"</?a\b[^>]*>", "", html))),
    ],
    "poll": [changed("poll", put(poll=POLL))],
    "language": [changed("language", put(language="en")), changed("language", put(language=None))],
    "attachments": [
        Case(pictures(lambda all_: all_[::-1]), "The pictures, or their order, changed."),
        Case(pictures(lambda all_: all_[:-1]), "The pictures, or their order, changed."),
        Case(pictures(lambda all_: [*all_, all_[0] | {"id": "1"}]), "The pictures, or their order, changed."),
    ],
}
SOURCE: Mapping[str, list[Case]] = {
    "text": [changed("text", put(text="Hello"), "source")],
    "content_type": [changed("format", put(content_type="text/plain"), "source")],
}
ATTACHMENT: Mapping[str, list[Case]] = {
    "id": [Case(picture(3, id="1"), "The pictures, or their order, changed.")],
    "type": [Case(picture(2, type="unknown"), "The type of picture 2 changed.")],
    "focus": [
        Case(picture(1, focus={"x": 0.1, "y": 0.21}), "The focal point of picture 1 changed."),
        Case(picture(1, focus=None), "The focal point of picture 1 changed."),
    ],
    "description": [
        Case(picture(1, description=None), "The alt text of picture 1 changed, and nothing was written to it."),
        Case(
            picture(1, description="by the author."),
            "The alt text of picture 1 changed, and nothing was written to it.",
        ),
        Case(picture(2, description=None), "Picture 2 does not have the alt text that was written."),
    ],
}
HARMLESS: Mapping[str, Case] = {
    "counters": Case(put(replies_count=7, reblogs_count=8, favourites_count=9, quotes_count=1)),
    "a card": Case(put(card={"url": "https://example.org/", "title": "An example"})),
    "what its reader did": Case(put(favourited=True, bookmarked=True, pinned=True, muted=True)),
    "markup": Case(content(lambda html: html.replace("<p>", '<p dir="auto">').replace("</p>", "</p>\n"))),
    "zeros of another kind": Case(picture(3, focus={"x": 0, "y": -0.0}), before=picture(3, focus={"x": 0.0, "y": 0.0})),
    "the middle, said": Case(picture(2, focus={"x": 0.0, "y": 0.0})),
    "the middle, unsaid": Case(picture(2, focus=None), before=picture(2, focus={"x": 0, "y": 0})),
    "a quote accepted": Case(same, before=put(quote=PENDING)),
    "a quote taken back": Case(put(quote={"state": "revoked", "quoted_status": None})),
    "a shallow quote": Case(put(quote={"state": "accepted", "quoted_status_id": "4711"})),
    "who asks": Case(lambda entity: entity | {"quote_approval": entity["quote_approval"] | {"current_user": "denied"}}),
    "an alt text that is none": Case(picture(3, description=""), before=picture(3, description=None)),
    "an alt text that is none, the other way": Case(picture(3, description=None), before=picture(3, description="")),
    "order of mentions": Case(lambda entity: entity | {"mentions": entity["mentions"][::-1]}),
    "order of hashtags": Case(lambda entity: entity | {"tags": entity["tags"][::-1]}),
    "order of emojis": Case(lambda entity: entity | {"emojis": entity["emojis"][::-1]}),
    "where files lie": Case(picture(2, url="https://cdn.example/2.png", preview_url=None)),
    "where it is read": Case(put(url="https://elsewhere.example/1")),
    "what is new": Case(put(application=None, something={"new": [1]})),
    "digits of the edit": Case(
        lambda entity: entity | {"edited_at": entity["edited_at"] and entity["edited_at"].replace("Z", "000+00:00")}
    ),
}


class ComparedFieldTests(FamilyCase):
    @contextmanager
    def server_that(self, case: Case) -> Iterator[None]:
        """Until the block ends the sandbox says of posts what `case` makes of them."""
        status_of, source_of = Mastodon.shape_status, Mastodon.shape_source

        def shape_status(family: Mastodon, status: Any, entity: Json) -> Json:
            entity = status_of(family, status, entity)
            if not entity["media_attachments"]:
                return entity
            shape = case.after if status.edited_at else case.before
            return (shape if case.of == "status" else same)(RICH(entity))

        def shape_source(family: Mastodon, status: Any, entity: Json) -> Json:
            entity = source_of(family, status, entity) | {"content_type": "text/markdown"}
            shape = case.after if status.edited_at else case.before
            return (shape if case.of == "source" else same)(entity)

        with patch.object(Mastodon, "shape_status", shape_status), patch.object(Mastodon, "shape_source", shape_source):
            yield

    def published(self, case: Case) -> tuple[Result, Publication]:
        """A post with something in every field, whose second picture is given an alt text."""
        PlatformConnection.objects.update(attention=None)
        with self.server_that(case):
            _status_id, post = self.scanned(
                text="Hello @observatory and @demo, #sea and #sun: https://example.org/",
                pictures=[Picture("By the author.", focus="0.1,0.2"), Picture(), Picture(focus="0,0")],
                spoiler_text="Boats",
                sensitive=True,
                in_reply_to_id=self.answered,
                quote_policy="public",
            )
            second, third = post.images.order_by("attachment_index")
            actions.reject(third, reason="It is decoration.", reviewer=self.reviewer)
            actions.approve(second, text="A boat.", reviewer=self.reviewer)
            publication = Publication.objects.select_related("post").get(post=post)
            result = publish_publication(publication.pk)
        publication.refresh_from_db()
        self.connection.refresh_from_db()
        return result, publication

    def setUp(self) -> None:
        super().setUp()
        self.connect("mastodon")
        self.answered = self.sandbox.add_status("What is at sea?", username="demo", pictures=0)

    def test_damage_to_any_field_is_an_alarm_that_names_it(self) -> None:
        for table in (STATUS, SOURCE, ATTACHMENT):
            for name, cases in table.items():
                for number, case in enumerate(cases):
                    with self.subTest(name, number=number):
                        result, publication = self.published(case)
                        self.assertEqual(result, Result.REFUSED)
                        self.assertEqual(publication.error.partition(": ")[2], case.named)
                        self.assertTrue(self.connection.attention)

    def test_what_servers_change_by_themselves_is_no_alarm(self) -> None:
        for name, case in HARMLESS.items():
            with self.subTest(name):
                result, publication = self.published(case)
                self.assertEqual((result, publication.error), (Result.POSTED, ""))
                self.assertFalse(self.connection.attention)

    def test_a_history_in_whole_seconds_is_no_alarm(self) -> None:
        history = Entities.history

        def coarse(entities: Entities, *status: Any) -> list[Json]:
            return [one | {"created_at": one["created_at"][:19] + "Z"} for one in history(entities, *status)]

        with patch.object(Entities, "history", coarse):
            result, publication = self.published(Case(same))
            self.assertEqual((result, publication.error), (Result.POSTED, ""))
            status_id, publication = self.approved()
            edit = at(Step.WRITTEN, lambda: self.sandbox.edit_text(status_id, "By the author, after ours."))
            self.assertEqual(publish_publication(publication.pk, at_step=edit), Result.POSTED)
            publication.refresh_from_db()
            self.assertIn("afterwards somebody edited the post", publication.error)


def test_no_field_of_a_post_is_forgotten() -> None:
    """Each is either damaged above, or left out on purpose."""
    for kind, damaged, left_out in (
        (Status, STATUS, LEFT_OUT["status"]),
        (StatusSource, SOURCE, LEFT_OUT["source"]),
        (Attachment, ATTACHMENT, LEFT_OUT["attachment"]),
    ):
        assert {one.name for one in fields(kind)} == {*damaged, *left_out}
        assert not left_out & damaged.keys()


def test_votes_and_the_end_of_a_poll_are_no_damage() -> None:
    """No post with a poll is written to; but another edit may have given it one, and then it lives."""
    voted = POLL | {"votes_count": 9, "expired": True, "options": [one | {"votes_count": 5} for one in POLL["options"]]}
    other = POLL | {"options": POLL["options"][::-1]}
    before, after, damaged = (Snapshot(a_status(poll=one), StatusSource("", "")) for one in (POLL, voted, other))
    assert differences(before, after, {}, str.__eq__) == []
    assert differences(before, damaged, {}, str.__eq__) == ["The poll changed."]
