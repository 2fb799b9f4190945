"""What docs/platforms.md says is refused before anything is sent: each line has a post, or a text, that is."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from platforms.clients.api import Api
from platforms.clients.base import Instance, PlatformRefused, Snapshot, StatusSource
from platforms.clients.detection import capabilities_of
from platforms.clients.families import FAMILIES, UNKNOWN
from platforms.clients.writing import Writer
from platforms.tests.cast import a_status, attachment_json

# A version of each family to which alt texts are written, and a post that can be written there.
VERSIONS = {"mastodon": "4.4.0", "gotosocial": "0.20.0", "pixelfed": "0.12.5", "takahe": "0.11.0", "pleroma": "2.9.1"}
VERSIONS["snac"] = "2.96"
URI = "https://social.example/users/demo/statuses/1"


@dataclass(frozen=True)
class Refused:
    """How a post that could be written becomes one that cannot."""

    status: Mapping[str, Any] | None = None
    source: Mapping[str, Any] | None = None
    text: str = "A tree."
    software: str = ""
    version: str = ""


POLL = Refused({"poll": {"id": "1", "options": []}})
NO_LANGUAGE = Refused({"language": None})
UNMARKED = Refused({"spoiler_text": "Boats", "sensitive": False}, {"spoiler_text": "Boats"})
UNNAMED = Refused({"mentions": ("bob@far.example",)})
HTML = Refused(text="<b>A tree</b>")

# The beginning of a line -> what it means. None: the server itself tells (test_families.py), or never lists the post
# (test_sandbox_pixelfed.py).
CASES: Mapping[str, Mapping[str, Refused | None]] = {
    "mastodon": {
        "posts with a poll": POLL,
        "a content warning without text": Refused(
            {"spoiler_text": "Boats", "sensitive": True}, {"text": "", "spoiler_text": "Boats"}
        ),
        "a content warning that is not marked": UNMARKED,
        "posts without a language": NO_LANGUAGE,
        "a quote policy": Refused({"quote_approval": {"automatic": ["public", "following"], "manual": []}}),
    },
    "gotosocial": {
        "posts with a poll": POLL,
        "posts without a language": NO_LANGUAGE,
        "posts of which the server does not say": Refused(source={"content_type": None}),
        "before 0.19": replace(HTML, version="0.18.3"),
        "alt texts shorter than": None,
    },
    "pixelfed": {
        "posts with a poll": POLL,
        "alt texts with something that looks like HTML": HTML,
        "albums that mix": None,
    },
    "takahe": {"posts with a poll": POLL},
    "pleroma": {
        "posts with a poll": POLL,
        "posts with a language": Refused({"language": "de"}),
        "posts that mention people": UNNAMED,
        "pictures whose upload": None,
        "everything on Akkoma": Refused(software="akkoma"),
    },
    "snac": {
        "posts with a poll": POLL,
        "posts that mention people": UNNAMED,
        "a content warning that is not marked": UNMARKED,
        "posts that show another language": Refused({"language": "de"}),
        "pictures whose id": Refused({"attachments": a_status(media_attachments=[attachment_json("7")]).attachments}),
    },
}


def writing_to(family: str, case: Refused) -> tuple[Writer, Snapshot]:
    software, version = case.software or family, case.version or VERSIONS[family]
    client = FAMILIES[family].client(
        Api("https://social.example", token="t"), capabilities_of(Instance(software, version), family)
    )
    assert isinstance(client, Writer)
    language = {"pleroma": None, "snac": "en"}.get(family, "de")
    picture = attachment_json(f"{URI}_0" if family == "snac" else "1")
    status = a_status(uri=URI, language=language, media_attachments=[picture])
    source = StatusSource("Hello", "", "text/plain")
    return client, Snapshot(replace(status, **(case.status or {})), replace(source, **(case.source or {})))


@pytest.mark.parametrize("family", VERSIONS)
def test_a_plain_post_is_refused_nowhere(family: str) -> None:
    client, post = writing_to(family, Refused())
    client.require_writable(post, {post.status.attachments[0].id: "A tree."})


@pytest.mark.parametrize(("family", "line"), [(family, line) for family, lines in CASES.items() for line in lines])
def test_what_the_page_says_is_refused(family: str, line: str) -> None:
    assert sum(one.startswith(line) for one in FAMILIES[family].profile.cannot) == 1
    if (case := CASES[family][line]) is None:
        return
    client, post = writing_to(family, case)
    with pytest.raises(PlatformRefused):
        client.require_writable(post, {post.status.attachments[0].id: case.text})


def test_the_page_says_nothing_that_is_not_tried() -> None:
    for name, family in FAMILIES.items():
        if family is not UNKNOWN:
            untried = [one for one in family.profile.cannot if not one.startswith(tuple(CASES[name]))]
            assert untried == []
            assert len(family.profile.cannot) == len(CASES[name])
