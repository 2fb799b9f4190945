"""GoToSocial: one edit of the post, and on older versions a silent change of each picture.

The facts: internal/processing/status/edit.go and internal/processing/media/update.go; 0.20.0-rc1 was run.
"""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from platforms.clients.base import Capabilities, PlatformRefused, Snapshot
from platforms.clients.editing import require_language
from platforms.clients.markup import as_text, require_no_entities, require_no_tags
from platforms.clients.profile import Build, Paging, Profile, RateHabits, Way, Writing
from platforms.clients.writing import Writer

PROFILE = Profile(
    family="gotosocial",
    title="GoToSocial",
    software=("gotosocial",),
    sources=(
        "https://codeberg.org/superseriousbusiness/gotosocial",
        "https://github.com/superseriousbusiness/gotosocial",
    ),
    writings=(
        Writing(
            Way.EDIT,
            since=(0, 19),
            federates=True,
            notifies=gettext_lazy("People of this server who boosted or liked the post are notified of the edit."),
            scopes=("read:accounts", "read:statuses", "write:statuses"),
        ),
        # 0.18 can edit, but forgets whether a post was Markdown: a change of the picture alone keeps the post whole.
        Writing(Way.MEDIA, scopes=("read:accounts", "read:statuses", "write:media")),
    ),
    builds=(Build("0.20.0 git-57cb4fe", r"[ +]git-[0-9a-f]+", "the commit"),),
    describes_posters=True,  # processMediaEdits and media/update.go look at no type
    alt_text_limit=1500,
    alt_text_limit_at=(("configuration", "media_attachments", "description_limit"),),
    paging=Paging(notes="own direct messages are listed"),
    rates=RateHabits(
        requests=300,
        counted_by="address",
        headers="`X-RateLimit-Limit`, `-Remaining` and `-Reset` (a date); 429 without `Retry-After`, 503 with two",
    ),
    text_is_stored="as it is written; before 0.19 trimmed, without HTML tags, codes such as `&copy;` resolved",
    cannot=(
        "posts with a poll",
        "posts without a language: an edit would give them the account's",
        "posts of which the server does not say whether they are Markdown",
        "before 0.19: alt texts with something that looks like HTML",
        "alt texts shorter than the server's own minimum, if its operator set one (it answers 400)",
    ),
    traps=(
        "an edit that leaves out `language` resets it, `spoiler_text` and `sensitive` are lost, pictures are removed",
        "an attachment without `description` inside `media_attributes` loses its alt text",
        "`media_attributes` sent as a form is ignored; an edit that changes nothing is 422",
        "an edit does not check the length of an alt text, so we do",
        "0.18 edits, but makes plain text of a Markdown post: pictures are changed one by one there",
    ),
    proof="0.20.0-rc1 run; source read",
)


class GotosocialClient(Writer):
    """One account on a GoToSocial server."""

    profile = PROFILE

    def _require_post(self, before: Snapshot) -> None:
        if self.capabilities.way is not Way.EDIT:
            return
        require_language(before.status)
        if before.source.content_type is None:
            raise PlatformRefused(
                _("The server does not say whether the post is Markdown, so an edit could change how it looks.")
                + " "
                + _("Add the alt text by hand.")
            )

    @classmethod
    def require_text(cls, capabilities: Capabilities, text: str) -> None:
        super().require_text(capabilities, text)
        if capabilities.way is Way.MEDIA:
            require_no_tags(text)
            require_no_entities(text)

    def same_text(self, written: str, shown: str | None) -> bool:
        return super().same_text(written, shown) or (
            self.capabilities.way is Way.MEDIA and as_text(written) == (shown or "")
        )
