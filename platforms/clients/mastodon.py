"""Mastodon 4.1 and newer, glitch-soc included: alt texts are written by one edit of the post.

What an edit leaves out is lost there (an omitted `media_ids` removes the pictures), so it sends everything. The facts:
app/controllers/api/v1/statuses_controller.rb and app/services/update_status_service.rb of mastodon/mastodon.
"""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from platforms.clients.base import PlatformRefused, Snapshot
from platforms.clients.editing import quote_policy, require_language, require_marked_warning
from platforms.clients.profile import Build, Paging, Profile, RateHabits, SigningIn, Way, Writing
from platforms.clients.writing import Writer

PROFILE = Profile(
    family="mastodon",
    title="Mastodon",
    software=("mastodon",),
    sources=("https://github.com/mastodon/mastodon", "https://github.com/glitch-soc/mastodon"),
    writings=(
        Writing(
            Way.EDIT,
            since=(4, 1),  # `media_attributes` (mastodon pull request 20878); older ones drop it silently
            federates=True,
            notifies=gettext_lazy(
                "People of this server who boosted the post, or quoted it, are notified of the edit."
            ),
            scopes=("read:accounts", "read:statuses", "write:statuses"),
        ),
    ),
    builds=(
        # lib/mastodon/version.rb of glitch-soc: "glitch", a dot, and what the operator calls this copy
        Build("4.5.0+glitch", r"(?:-security)?\+glitch(?:[.+-][\w.+-]*)?", "glitch-soc"),
        Build("4.3.0-nightly.2024-07-05-security", r"-security", "a fix of a nightly"),
    ),
    too_old=gettext_lazy(
        "This server runs Mastodon %(version)s, which cannot change the alt text of a published picture; "
        "4.1 and newer can. Each alt text is shown, so that you can copy it by hand."
    ),
    signing_in=SigningIn(access_page=gettext_lazy("Preferences, Account, Authorized apps")),
    # update_media_attachments! looks at no type; preview_url is the `small` style, which videos have as a frame.
    describes_posters=True,
    alt_text_limit=1500,
    alt_text_limit_at=(("configuration", "media_attachments", "description_limit"),),
    paging=Paging(notes="`min_id` pages forward; requests that page have a limit of their own"),
    rates=RateHabits(
        requests=300,
        counted_by="token",
        headers="`X-RateLimit-Limit`, `-Remaining` and `-Reset` (a date), of the nearest of several limits",
        writes=300,
        writes_period=3 * 3600.0,
    ),
    cannot=(
        "posts with a poll: the edit would start it again",
        "a content warning without text: the edit would make it the text",
        "a content warning that is not marked sensitive: the edit would mark it",
        "posts without a language: the edit would give them the account's",
        "a quote policy that cannot be sent again",
    ),
    traps=(
        "an edit without `media_ids` removes every picture, without `status` the text, without `poll` the poll",
        "`PUT /api/v1/media/:id` answers 404 once the picture is posted",
        "3.5 to 4.0 can edit posts and drop `media_attributes` without a word",
    ),
    proof="read in Mastodon's source; not run by us",
)


class MastodonClient(Writer):
    """One account on a Mastodon server; `capabilities` decide whether it writes (4.1 and newer only)."""

    profile = PROFILE

    def _require_post(self, before: Snapshot) -> None:
        status, source = before.status, before.source
        if source.spoiler_text and not source.text.strip():
            raise PlatformRefused(
                _("The post has a content warning and no text; an edit would turn one into the other. Do it by hand.")
            )
        require_marked_warning(before)
        require_language(status)
        if status.quote_approval is not None:
            quote_policy(status)
