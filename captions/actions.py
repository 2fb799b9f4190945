"""What people decide about alt texts: approve, reject, review again, publish now.

Pages, admin and commands all come through here.

Locks are taken in one order: post, image, publication. So two approvals of one post wait for each other, and exactly
one of them is the last.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User
from captions import checks, drafts, languages, measuring, memory
from captions.judging import DEFAULT_LIMIT, alt_text_limit, around_image, judge
from captions.models import CaptionVersion, Image, Post, Publication
from captions.refusals import (
    AlreadyDecided,
    DecisionRefused,
    InstructionRefused,
    NotAllowed,
    PostChanged,
    TextChanged,
    TextRefused,
)
from captions.settling import (
    lock_post,
    publishable_images,
    require_judged,
    settle_waiting_publications,
    take_out_of_publication,
)
from platforms.models import PlatformConnection
from vedfolnir.lib.deadlocks import again_after_deadlock
from vedfolnir.lib.text import clean_alt_text, clean_line

__all__ = [
    "CANDIDATES_MOST",
    "DEFAULT_LIMIT",
    "INSTRUCTION_MOST",
    "NO_VERSION",
    "REFUSED_CODES",
    "AlreadyDecided",
    "Decision",
    "DecisionRefused",
    "InstructionRefused",
    "NotAllowed",
    "PostChanged",
    "TextChanged",
    "TextRefused",
    "alt_text_limit",
    "approve",
    "ask_again_for_draft",
    "findings_for",
    "mark_decorative",
    "publish_now",
    "reject",
    "release_claim",
    "reopen",
    "requeue",
]

# Of everything that the checks call a blocker: what counts as no alt text everywhere here (blank, emoji or punctuation
# alone), and what the server would not take. The rest is for the person to judge.
REFUSED_CODES = frozenset({"empty", "over-limit", "not-kept"})
INSTRUCTION_MOST = 500  # characters
CANDIDATES_MOST = 3  # beside the draft
NO_VERSION = 0  # what a page saw of an image without any text


@dataclass(frozen=True)
class Decision:
    """What happens next: the post's open publication, if any, and how many of its pictures it still waits for."""

    publication: Publication | None
    waiting_for: int


def findings_for(image: Image, text: str, language: str = "") -> Sequence[checks.Finding]:
    """What the checks say about `text`, which a person wrote or approved, for this image.

    `language` is that of the text, where it is not that of the draft.
    """
    known = {"language": language} if language else {}
    return judge(image, text, around_image(image, **known)).findings


def approve(
    image: Image,
    *,
    text: str,
    reviewer: User,
    seen: CaptionVersion | int | None = None,
    seen_edit: str | None = None,
    language: str = "",
) -> Decision:
    """Sign off `text`, for a picture that awaits review or that failed. Publishing happens later, from the queue.

    `seen` is the caption version, or its id, that was on the screen (NO_VERSION: there was none; None: do not ask),
    `seen_edit` the `edited_at` of the post that was around it (None: do not ask), `language` that of the text, where it
    is not that of the draft.

    Raises NotAllowed, AlreadyDecided, TextChanged, PostChanged, TextRefused.
    """
    text = clean_alt_text(text)
    return again_after_deadlock(lambda: _approve(image.pk, text, reviewer, seen, seen_edit, language[:20]))


@transaction.atomic
def _approve(
    image_id: int,
    text: str,
    reviewer: User,
    seen: CaptionVersion | int | None,
    seen_edit: str | None,
    language: str,
) -> Decision:
    image = _locked(image_id, reviewer)
    _require_latest(image, seen)
    if seen_edit is not None and image.is_decidable and seen_edit != image.post.edited_at:
        raise PostChanged(_("The post was edited while you worked on it. Read it again: it is shown as it is now."))
    findings = findings_for(image, text, language)
    if refused := [finding for finding in findings if finding.code in REFUSED_CODES]:
        raise TextRefused(refused)
    draft = image.generated_caption
    measured = _measured(image, text, reviewer)
    language = language or _language_of(image, text, findings)
    _decide(image, Image.Status.APPROVED, reviewed_caption=text, final_caption=text, language=language)
    memory.remember(image)
    version = CaptionVersion.objects.create(
        image=image,
        kind=CaptionVersion.Kind.FINAL,
        text=text,
        language=language,
        author=reviewer,
        score=checks.score(findings),
        findings=[finding.as_json() for finding in findings],
        based_on=measured.based_on,
        edit_distance=measured.edit_distance,
        seconds=measured.seconds,
        parts=memory.parts_in(text, measured.based_on or _drafted_last(image)),
    )
    if not Publication.objects.open().filter(post=image.post_id).exists():
        _open_publication(image.post, status=Publication.Status.WAITING)
    audit.record(
        "caption_approved", actor=reviewer, entity=image, post=image.post_id, version=version.pk, edited=text != draft
    )
    return _settled(image.post_id)


def _drafted_last(image: Image) -> CaptionVersion | None:
    return image.versions.filter(kind=CaptionVersion.Kind.GENERATED).order_by("-pk").first()


def _language_of(image: Image, text: str, findings: Sequence[checks.Finding]) -> str:
    """Of a text that a person approves without naming one: the draft's, unless all of it is surely in another.

    The memory offers it to posts in that language, and pages mark it up so.
    """
    if all(finding.code != "wrong-language" for finding in findings):
        return image.language
    wanted = image.language or image.post.language
    found = {languages.other_language(part, wanted) for part in text.split("\n\n")}
    return (found.pop() if len(found) == 1 else "") or image.language


def _measured(image: Image, text: str, reviewer: User) -> measuring.Measured:
    """What the decision made of the draft. Where a person's text was in the box already, it was made on no draft."""
    opened = image.review_opened_at if image.claimed_by_id == reviewer.pk else None
    offered = [] if image.reviewed_caption else measuring.offered(image)
    draft = min(offered, key=lambda one: measuring.edit_distance(one.text, text), default=None)
    return measuring.measure(draft, text, opened, timezone.now())


def reject(image: Image, *, reason: str, reviewer: User) -> Decision:
    """Close the image without an alt text of ours. It stays closed when its post is scanned again.

    Raises NotAllowed, AlreadyDecided.
    """
    return again_after_deadlock(lambda: _reject(image.pk, clean_alt_text(reason), reviewer))


@transaction.atomic
def _reject(image_id: int, reason: str, reviewer: User) -> Decision:
    image = _locked(image_id, reviewer)
    _decide(image, Image.Status.REJECTED, reviewer_notes=reason)
    audit.record("caption_rejected", actor=reviewer, entity=image, post=image.post_id, reason=reason)
    return _settled(image.post_id)


def mark_decorative(image: Image, *, reviewer: User) -> Decision:
    """Close the image as decoration, which needs no alt text: nothing is written, and scans skip it from now on.

    Raises NotAllowed, AlreadyDecided.
    """
    return again_after_deadlock(lambda: _mark_decorative(image.pk, reviewer))


@transaction.atomic
def _mark_decorative(image_id: int, reviewer: User) -> Decision:
    image = _locked(image_id, reviewer)
    _decide(image, Image.Status.REJECTED, is_decorative=True, reviewer_notes=_("Decorative: no alt text."))
    audit.record("caption_decorative", actor=reviewer, entity=image, post=image.post_id)
    return _settled(image.post_id)


def release_claim(image: Image, user: User) -> None:
    """Let go of an image that `user` holds for review; somebody else's hold stays."""
    Image.objects.filter(pk=image.pk, claimed_by=user).update(claimed_by=None, claimed_until=None)


def reopen(image: Image, *, user: User) -> None:
    """Take an approval back, so that the picture awaits review again with the text that was approved; or "decorative".

    Its post's publication waits for it, or goes when nothing else is approved and nothing was ever sent.

    Raises NotAllowed, AlreadyDecided when it is neither or its post is being written to.
    """
    again_after_deadlock(lambda: _reopen(image.pk, user))


@transaction.atomic
def _reopen(image_id: int, user: User) -> None:
    image = _locked(image_id, user)
    again: dict[str, Any] = {
        "status": Image.Status.PENDING,
        "captioned_at": timezone.now(),
        "reviewed_at": None,
        "reviewed_caption": image.final_caption or image.reviewed_caption,
        "final_caption": None,
        "processing_error": None,
        "next_attempt_at": None,
        "claimed_by": None,
        "claimed_until": None,
        "is_decorative": False,
        "reviewer_notes": None if image.is_decorative else image.reviewer_notes,
    }
    decorative = Q(status=Image.Status.REJECTED, is_decorative=True)
    if not Image.objects.filter(Q(status=Image.Status.APPROVED) | decorative, pk=image.pk).update(**again):
        if image.status == Image.Status.POSTED:
            raise AlreadyDecided(_("This picture is published. Undo its publication, then it can be reviewed again."))
        raise AlreadyDecided(
            _("This picture is not approved: %(status)s.") % {"status": image.get_status_display().lower()}
        )
    memory.forget([image.pk])
    require_judged(image)
    take_out_of_publication(image.post_id)
    audit.record("caption_reopened", actor=user, entity=image, post=image.post_id)


def publish_now(post: Post, *, user: User) -> Publication:
    """Publish what is approved of the post, without waiting for its other pictures.

    Returns the post's queued publication. Raises NotAllowed, or DecisionRefused when nothing of the post is approved,
    or only what was undone.
    """
    return again_after_deadlock(lambda: _publish_now(post.pk, user))


@transaction.atomic
def _publish_now(post_id: int, user: User) -> Publication:
    lock_post(post_id)
    post = Post.objects.get(pk=post_id)
    if not PlatformConnection.objects.decidable_by(user).filter(posts=post).exists():
        raise NotAllowed(_("You may not decide on this account's pictures."))
    _require_publishable(post)
    publication = Publication.objects.select_for_update().open().filter(post=post).first()
    if publication is None:
        publication = _open_publication(post, status=Publication.Status.WAITING)
    if publication.status == Publication.Status.WAITING:
        publication.status, publication.next_attempt_at = Publication.Status.QUEUED, timezone.now()
        publication.requested_by = user
        publication.save(update_fields=["status", "next_attempt_at", "requested_by", "updated_at"])
        audit.record("publication_requested", actor=user, entity=publication, post=post.pk)
    return publication


def _require_publishable(post: Post) -> None:
    if publishable_images(post.pk).exists():
        return
    if post.images.filter(status=Image.Status.APPROVED, is_decorative=False).exists():
        raise DecisionRefused(_("What was approved of this post was published and undone; review it again first."))
    raise DecisionRefused(_("No picture of this post is approved and not yet published."))


def requeue(image: Image, *, user: User) -> None:
    """Ask for a draft of an image that failed, once more and with a clean count.

    Raises NotAllowed, AlreadyDecided when it is not in error (any more).
    """
    again_after_deadlock(lambda: _requeue(image.pk, user))


@transaction.atomic
def _requeue(image_id: int, user: User, instruction: str = "") -> None:
    image = _locked(image_id, user)
    now = timezone.now()
    again: dict[str, Any] = {
        "status": Image.Status.PENDING,
        "captioned_at": None,
        "failures": 0,
        "processing_error": None,
        "next_attempt_at": now,
        "regenerate_asked_at": now,
        "regenerate_asked_by": user,
        "regenerate_instruction": instruction,
    }
    if not Image.objects.filter(pk=image.pk, status=Image.Status.ERROR).update(**again):
        raise AlreadyDecided(_("This picture is not in error any more."))
    release_claim(image, user)  # somebody else's stays: their next decision is told that a draft came between
    audit.record("draft_requested", actor=user, entity=image, post=image.post_id)


def ask_again_for_draft(image: Image, *, user: User, instruction: str = "", candidates: int = 0) -> None:
    """Ask for a new draft, or with `candidates` for so many beside it; the draft that is there stays until then.

    It can be decided meanwhile; then no new draft is made any more. An image in error is drafted once more. The row is
    all that is needed: the sweep finds it, and what a person waits for goes first.

    Raises NotAllowed, AlreadyDecided, InstructionRefused.
    """
    instruction = clean_line(instruction)
    if len(instruction) > INSTRUCTION_MOST:
        raise InstructionRefused(_("An instruction has at most %(count)d characters.") % {"count": INSTRUCTION_MOST})
    if not 0 <= candidates <= CANDIDATES_MOST:
        raise InstructionRefused(_("At most %(count)d more drafts can be made at once.") % {"count": CANDIDATES_MOST})
    again_after_deadlock(lambda: _ask_again(image.pk, user, instruction, candidates))


@transaction.atomic
def _ask_again(image_id: int, user: User, instruction: str, candidates: int) -> None:
    image = _locked(image_id, user)
    if image.status == Image.Status.ERROR:
        _requeue(image_id, user, instruction)
        return
    if not drafts.ask_for_new_draft(image, user, instruction=instruction, candidates=candidates):
        raise AlreadyDecided(_("This picture does not await review any more."))
    audit.record(
        "new_draft_requested",
        actor=user,
        entity=image,
        post=image.post_id,
        told=len(instruction),  # what it says may name people, and nothing is ever taken out of this log
        candidates=candidates,
    )


def _locked(image_id: int, user: User) -> Image:
    """The image as it is now, behind its post's lock. Raises NotAllowed."""
    post_id = Image.objects.filter(pk=image_id).values_list("post_id", flat=True).first()
    if post_id is not None:
        lock_post(post_id)
    decidable = Image.objects.decidable_by(user).select_related("post", "platform_connection")
    image = decidable.filter(pk=image_id).first()
    if image is None:
        raise NotAllowed(_("You may not decide on this account's pictures."))
    return image


def _require_latest(image: Image, seen: CaptionVersion | int | None) -> None:
    if seen is None:
        return
    latest = image.latest_version()
    seen_id = seen if isinstance(seen, int) else seen.pk
    is_open = image.status in {Image.Status.PENDING, Image.Status.ERROR}
    if is_open and seen_id != (latest.pk if latest else NO_VERSION):
        raise TextChanged(_("The text was changed while you worked on it. Both are shown below."), latest)


def _decide(image: Image, status: str, **values: object) -> None:
    """Raises AlreadyDecided when the image cannot be decided (any more).

    `captioned_at` is the same as long as no draft was recorded since the image was read: so none that nobody saw is
    passed. A draft that is being made loses: its request is over with the decision.
    """
    undecided = Image.objects.decidable_now().filter(pk=image.pk, captioned_at=image.captioned_at)
    closed = {
        "reviewed_at": timezone.now(),
        "claimed_by": None,
        "claimed_until": None,
        "status": status,
        "regenerate_instruction": "",
        **drafts.NOT_ASKED_FOR,
    }
    if undecided.update(**closed, **values):
        return
    image.refresh_from_db(fields=["status", "captioned_at"])  # whoever asks for drafts does not take the post's lock
    if image.status == Image.Status.PENDING and image.captioned_at is not None:
        raise TextChanged(
            _("The text was changed while you worked on it. Both are shown below."), image.latest_version()
        )
    if image.status == Image.Status.PENDING:
        raise AlreadyDecided(_("A new draft of this picture is being made. Look again in a moment."))
    raise AlreadyDecided(
        _("This picture is closed already: %(status)s.") % {"status": image.get_status_display().lower()}
    )


def _open_publication(post: Post, *, status: str) -> Publication:
    if post.platform_connection_id is None:
        raise DecisionRefused(_("The connection of this post was removed; there is nothing to publish by."))
    return Publication.objects.create(
        post=post,
        platform_connection_id=post.platform_connection_id,
        status=status,
        seen_edited_at=post.edited_at,
    )


def _settled(post_id: int) -> Decision:
    settle_waiting_publications(post_id)
    return Decision(
        publication=Publication.objects.open().filter(post=post_id).first(),
        waiting_for=Image.objects.holding_back().filter(post=post_id).count(),
    )
