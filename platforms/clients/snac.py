"""snac: one edit of the post from 2.96 on; 2.75 answers 200 to it and changes nothing.

Posted pictures have addresses for ids, and an edit gives the post a new id (the old one still leads to it). Both
versions were run, from Debian's packages.
"""

from collections.abc import Mapping

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from platforms.clients.base import PlatformRefused, Snapshot
from platforms.clients.editing import Body
from platforms.clients.profile import Paging, Profile, RateHabits, Way, Writing
from platforms.clients.writing import Writer

LANGUAGE = "en"  # what every edited post gets

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
    paging=Paging(notes="2.75 gives the same page for ever; it ends because nothing on it is new"),
    rates=RateHabits(headers="none"),
    cannot=("posts with a poll", "posts in another language than English: an edit makes them English"),
    traps=(
        "2.75 answers 200 to an edit, keeps the alt texts as they were, and makes unlisted posts public",
        "`PUT /api/v1/media/:id` answers 200 for a posted picture and changes nothing",
        "an edit changes the id of the post; the old one still leads to it",
        "without `spoiler_text` and `sensitive` both are lost",
        "kept connections are closed without a word: a GET is repeated once, nothing else is",
        "a bad token is answered with an empty 422 to the question who one is, with 401 elsewhere",
    ),
    proof="2.75 and 2.96 run, from Debian's packages",
)


class SnacClient(Writer):
    """One account on a snac server."""

    profile = PROFILE

    def _require_post(self, before: Snapshot) -> None:
        if before.status.language != LANGUAGE:
            raise PlatformRefused(
                _("An edit on this server makes every post English, and this one is not. Add the alt text by hand.")
            )

    def _body(self, before: Snapshot, texts: Mapping[str, str]) -> Body:
        body = super()._body(before, texts)
        for attributes in body["media_attributes"]:
            attributes["description"] = attributes["description"] or ""  # null would be no change
        return body
