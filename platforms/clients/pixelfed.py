"""Pixelfed: each picture is described by itself, the post is never edited (an edit there knows no alt texts).

The facts: app/Http/Controllers/Api/ApiV1Controller.php, `mediaUpdate`. It cannot be run here.
"""

from django.utils.translation import gettext_lazy

from platforms.clients.base import Capabilities, Status, StatusSource
from platforms.clients.markup import as_text, require_no_entities, require_no_tags
from platforms.clients.profile import Paging, Profile, RateHabits, SigningIn, Way, Writing
from platforms.clients.writing import Writer
from vedfolnir.lib.text import strip_html, unescape

PROFILE = Profile(
    family="pixelfed",
    title="Pixelfed",
    software=("pixelfed",),
    writings=(Writing(Way.MEDIA, since=(0, 11, 5), scopes=("read", "write")),),
    too_old=gettext_lazy(
        "This server runs Pixelfed %(version)s, which cannot change the alt text of a published picture; "
        "0.11.5 and newer can. Each alt text is shown, so that you can copy it by hand."
    ),
    reading_scopes=("read",),
    alt_text_limit=1000,
    bad_token=frozenset({401, 403}),
    signing_in=SigningIn(revokes=False, access_page=gettext_lazy("Settings, Applications")),
    paging=Paging(links=False, notes="`min_id` wins over `max_id`, `since_id` is ignored, `only_media` always counts"),
    rates=RateHabits(writes=10, counted_by="user", headers="none, also with 429"),
    text_is_stored="through HTML Purifier: `&`, `<` and `>` come back as entities, tags vanish",
    cannot=(
        "posts with a poll",
        "alt texts with something that looks like HTML: it would vanish",
        "albums that mix pictures and videos: they are not listed",
    ),
    traps=(
        "`PUT /api/v1/statuses/:id` ignores alt texts and deletes pictures that it does not name: never sent",
        "there is no source of a post, so its text is compared as the server shows it",
        "what `PUT /api/v1/media/:id` answers was odd in some versions: only reading again counts",
        "a request without `description` erases it; multipart bodies are not read: JSON only",
        "scopes are whole ones, `read` and `write`",
    ),
    proof="read in Pixelfed's source (0.11.13 and newer controllers); not run by us",
)


class PixelfedClient(Writer):
    """One account on a Pixelfed server."""

    profile = PROFILE

    def _source(self, status: Status, path: str, *, from_reserve: bool) -> StatusSource:
        """What stands for the source, which this server does not give: the words as they are shown, without markup."""
        return StatusSource(text=" ".join(strip_html(status.content).split()), spoiler_text=status.spoiler_text)

    @classmethod
    def require_text(cls, capabilities: Capabilities, text: str) -> None:
        super().require_text(capabilities, text)
        require_no_tags(text)
        require_no_entities(text, except_own=True)

    def same_text(self, written: str, shown: str | None) -> bool:
        return super().same_text(written, shown) or as_text(written) == unescape(shown or "")
