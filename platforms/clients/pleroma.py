"""Pleroma: each upload is described, and then one edit of the post takes the uploads over again.

Akkoma, its fork, is read like it and never written to: its edit sets the language of every post to English
(lib/pleroma/web/common_api/activity_draft.ex). The facts: common_api/utils.ex, `attachments_from_ids`;
api_spec/operations/status_operation.ex, `update_request`. Neither can be run here.
"""

from collections.abc import Mapping
from urllib.parse import quote

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from platforms.clients.api import NotFound
from platforms.clients.base import Attachment, BeforeEach, PlatformRefused, Snapshot
from platforms.clients.editing import Body, require_named_mentions
from platforms.clients.entities import Fields
from platforms.clients.profile import Build, Paging, Profile, RateHabits, Way, Writing
from platforms.clients.writing import Writer

NOT_REPEATED = ("media_attributes", "language", "quote_approval_policy")  # not in the schema of an edit

PROFILE = Profile(
    family="pleroma",
    title="Pleroma",
    software=("pleroma", "akkoma"),
    unproven=("akkoma",),
    why_unproven=gettext_lazy(
        "This server runs Akkoma %(version)s. Vedfolnir does not write there, because every edit sets the language of "
        "the post to English. It shows each alt text, so that you can copy it by hand."
    ),
    writings=(
        Writing(
            Way.MEDIA_AND_EDIT,
            since=(2, 5),  # posts can be edited
            federates=True,
            notifies=gettext_lazy("People of this server who boosted the post are notified of the edit."),
            scopes=("read:accounts", "read:statuses", "read:media", "write:statuses", "write:media"),
        ),
    ),
    too_old=gettext_lazy(
        "This server runs Pleroma %(version)s, which cannot edit posts; 2.5 and newer can. "
        "Each alt text is shown, so that you can copy it by hand."
    ),
    builds=(
        # mix.exs: commits since the release, the commit, and the branch where it is one of its own two
        Build(
            "2.9.1-12-gabcdef0-develop", r"(?:-\d+-g[0-9a-f]+)?(?:-(?:develop|stable))?", "the commit and the branch"
        ),
    ),
    instance_versions=(1, 2),
    alt_text_limit_at=(("description_limit",),),
    bad_token=frozenset({401, 403}),
    paging=Paging(),
    rates=RateHabits(headers="as the operator set them"),
    cannot=(
        "posts with a poll",
        "posts with a language: an edit has no field for it",
        "posts that mention people whom the text does not name: an edit would drop them",
        "pictures whose upload the server does not find by the id in the post (older posts show a hash)",
        "everything on Akkoma, which makes English of every post that is edited",
    ),
    traps=(
        "an edit copies the uploads into the post: their texts are set first, all of them",
        "unknown ids in `media_ids` are dropped without a word: every upload is asked for before anything is sent",
        "`media_attributes` and `language` are not in the schema; without `content_type` a post becomes plain text",
        "the limit of alt texts stands in version 1 of the instance object only",
    ),
    proof="read in the source of Pleroma and Akkoma; not run by us",
)


class PleromaClient(Writer):
    """One account on a Pleroma server."""

    profile = PROFILE

    def _require_post(self, before: Snapshot) -> None:
        if before.status.language is not None:
            raise PlatformRefused(
                _("The post has a language, which an edit on this server loses. Add the alt text by hand.")
            )
        require_named_mentions(before)

    def _write(self, before: Snapshot, texts: Mapping[str, str], before_each: BeforeEach) -> None:
        wanted = {one.id: texts.get(one.id, one.description or "") for one in before.status.attachments}
        uploaded = {one.id: self._uploaded(one) for one in before.status.attachments}
        for attachment_id, text in wanted.items():
            if not self.same_text(text, uploaded[attachment_id]):
                self._put_one(before, attachment_id, text, before_each)
        self._edit(before, self._body(before, texts), before_each)

    def _described(self, before: Snapshot, attachment_id: str) -> str | None:
        return next((self._uploaded(one) for one in before.status.attachments if one.id == attachment_id), None)

    def _uploaded(self, attachment: Attachment) -> str | None:
        """The text of the upload that the edit will copy. Raises PlatformRefused where it cannot be found."""
        try:
            answer = self._ask("GET", f"/api/v1/media/{quote(attachment.id, safe='')}", scope="read:media")
        except NotFound as error:
            raise PlatformRefused(
                _("The server does not find a picture of the post by its id, so an edit would remove the picture.")
                + " "
                + _("Add the alt text by hand.")
            ) from error
        return Fields(answer.data, "media").optional_text("description")

    def _body(self, before: Snapshot, texts: Mapping[str, str]) -> Body:
        return {name: value for name, value in super()._body(before, texts).items() if name not in NOT_REPEATED}
