"""Takahē: each picture is described by itself. A post is never edited: an edit makes private posts public there.

The facts: api/views/media.py, and activities/models/post.py, `edit_local`; 0.11.0 was run.
"""

from django.utils.translation import gettext_lazy

from platforms.clients.profile import Paging, Profile, Way, Writing
from platforms.clients.writing import Writer

PROFILE = Profile(
    family="takahe",
    title="Takahē",
    software=("takahe",),
    writings=(Writing(Way.MEDIA, since=(0, 11), scopes=("read", "write")),),
    too_old=gettext_lazy(
        "This server runs Takahē %(version)s. Writing is proven from 0.11 on, and a wrong edit could show private "
        "posts to everybody. Each alt text is shown, so that you can copy it by hand."
    ),
    reading_scopes=("read",),
    bad_token_pages=frozenset({400}),
    keeps_order=False,  # the query for them has no order, and PostgreSQL puts what was changed last
    has_history=False,
    paging=Paging(
        notes="`only_media` repeats a post once per picture, so it is not asked for; own private posts are not listed"
    ),
    cannot=("posts with a poll",),
    traps=(
        "`PUT /api/v1/statuses/:id` makes unlisted, private and direct posts public and reorders pictures: never sent",
        "`PUT /api/v1/media/:id` without `description` erases it; `focus` is ignored",
        "`/api/v1/instance/` with a slash at its end is 404; nodeinfo names another host",
        "a token that is not accepted is answered with 400 and a web page",
        "`verify_credentials` needs the scope `read`, whole",
    ),
    proof="0.11.0 run; source read",
)


class TakaheClient(Writer):
    """One account on a Takahē server."""

    profile = PROFILE
