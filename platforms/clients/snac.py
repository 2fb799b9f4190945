"""snac: one edit of the post from 2.96 on; 2.75 answers 200 to it and changes nothing.

Posted pictures have addresses for ids, and an edit gives the post a new id (the old one still leads to it). Both
versions were run, from Debian's packages; platforms/tests/test_real_snac.py does it again.
"""

import re
from collections.abc import Iterator, Mapping

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from platforms.clients.base import PlatformRefused, Snapshot, Status, UnreadableStatus
from platforms.clients.editing import Body, require_marked_warning, require_named_mentions
from platforms.clients.profile import Paging, Profile, RateHabits, SigningIn, Way, Writing
from platforms.clients.writing import Writer

LANGUAGE = "en"  # what every post is shown to have

PROFILE = Profile(
    family="snac",
    title="snac",
    software=("snac",),
    writings=(
        Writing(
            Way.EDIT,
            since=(2, 96),
            federates=True,
            scopes=("read:accounts", "read:statuses", "write:statuses"),
        ),
    ),
    too_old=gettext_lazy(
        "This server runs snac %(version)s, which says that it changes the alt text of a published picture and does "
        "not; 2.96 and newer do. Each alt text is shown, so that you can copy it by hand."
    ),
    bad_token=frozenset({401}),
    gone_page="(snac/",  # "<h1>404 Not Found (snac/2.96)</h1>"
    has_history=False,
    signing_in=SigningIn(own_client=True, ignores_scopes=True),
    paging=Paging(
        size=256,  # all that it ever lists, in one page
        links=False,
        notes=(
            "256 posts at most, public and unlisted; 2.75 gives them all whatever is asked, and the walk ends because "
            "nothing is new; below a post that was edited or deleted 2.96 lists nothing, so the walk starts again"
        ),
    ),
    rates=RateHabits(headers="none"),
    cannot=(
        "posts with a poll",
        "posts that mention people whom the text does not name: an edit drops the author of what they answer",
        "a content warning that is not marked sensitive: the edit would take it away",
        "posts that show another language than English (real ones never do): an edit would make them English",
        "pictures whose id is not the post's address and a number: 2.96 would describe the first picture instead",
    ),
    traps=(
        "2.75 answers 200 to an edit, keeps the alt texts as they were, and loses links in the text",
        "`PUT /api/v1/media/:id` answers 200 for a posted picture and changes nothing",
        "an edit changes the id of the post; the old one still leads to it, and `uri` stays",
        "without `spoiler_text` and `sensitive` both are lost, without `status` the text",
        "whom a reply answers is mentioned twice until the post is edited",
        "kept connections are closed without a word: a GET is repeated once, an edit goes over a new one",
        "a bad token is answered with an empty 422 to the question who one is, with 401 elsewhere",
    ),
    proof="2.75 and 2.96 run, from Debian's packages",
)


class SnacClient(Writer):
    """One account on a snac server."""

    profile = PROFILE

    def statuses(self, account_id: str, *, max_id: str | None = None) -> Iterator[Status | UnreadableStatus]:
        """As everywhere, and from the newest again where nothing is listed below `max_id`.

        The post of that id may have been edited or deleted since, and then the list looks as if it had ended.
        """
        nothing_below = True
        for status in super().statuses(account_id, max_id=max_id):
            nothing_below = False
            yield status
        if max_id and nothing_below:
            yield from super().statuses(account_id)

    def _require_post(self, before: Snapshot) -> None:
        if before.status.language != LANGUAGE:
            raise PlatformRefused(
                _("An edit on this server makes every post English, and this one is not. Add the alt text by hand.")
            )
        require_marked_warning(before)
        require_named_mentions(before)
        form = re.compile(re.escape(before.status.uri) + r"_[0-9]+")
        ids = [attachment.id for attachment in before.status.attachments]
        if len(set(ids)) != len(ids) or not all(form.fullmatch(one) for one in ids):
            raise PlatformRefused(
                _("The server names the pictures of the post in an unusual way, so an edit could describe a wrong one.")
                + " "
                + _("Add the alt text by hand.")
            )

    def _body(self, before: Snapshot, texts: Mapping[str, str]) -> Body:
        body = super()._body(before, texts)
        for attributes in body["media_attributes"]:
            attributes["description"] = attributes["description"] or ""  # as it says it itself; never null
        return body
