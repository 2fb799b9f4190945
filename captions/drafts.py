"""Claiming an image for a draft, and recording the draft, or why there is none.

Everything is fenced by `attempts`: a worker that outlived its lease changes nothing.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Case, DateTimeField, ExpressionWrapper, F, Q, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import User
from captions.models import CaptionVersion, Image, ImageQuerySet, Publication
from captions.settling import lock_post, lock_posts, settle_waiting_publications
from vedfolnir.lib.deadlocks import again_after_deadlock

WITHDRAWN_AT_ONCE = 500  # images in one transaction
# A request for a draft that is over. The instruction stays until a draft follows it, so that it can be tried again.
NOT_ASKED_FOR: dict[str, Any] = {
    "next_attempt_at": None,
    "regenerate_asked_at": None,
    "regenerate_asked_by": None,
    "candidates_wanted": 0,
}

_NEXT_MOMENT = ExpressionWrapper(F("captioned_at") + timedelta(microseconds=1), DateTimeField())


@dataclass(frozen=True)
class Picture:
    """The file behind an image, as it was prepared and stored."""

    local_path: str  # of the prepared JPEG, relative to MEDIA_ROOT
    content_hash: str  # SHA-256 of the original file, 64 hex digits
    perceptual_hash: str  # dHash, 16 hex digits
    width: int  # of the original, in pixels
    height: int
    media_type: str = ""  # of the original: "image/png"


@dataclass(frozen=True)
class Draft:
    """A text for a picture, how it was judged, and what its making took."""

    text: str
    engine: str
    model: str
    language: str = ""
    prompt: str = ""
    prompt_version: str = ""
    category: str = ""
    score: int | None = None  # 1 to 100
    findings: Sequence[dict[str, Any]] = field(default_factory=list)  # {"code", "severity", "message", "span"}
    needs_special_review: bool = False
    tokens_in: int | None = None
    tokens_out: int | None = None
    seconds: float | None = None
    parts: Sequence[dict[str, str]] = field(default_factory=list)  # {"language", "text"}, if in several languages
    confidence: float | None = None  # mean log-probability of a token
    temperature: float | None = None
    cost: Decimal | None = None
    instruction: str = ""  # that a person gave for this draft
    template_pk: int | None = None  # the PromptTemplate
    proposed_decorative: bool = False
    visible_text: str = ""  # what was read in the picture, a line each


def claim(image_id: int, lease: timedelta) -> Image | None:
    """Take a due image, with its post and connection, for one worker; None if another got there first."""
    with transaction.atomic():
        if not Image.objects.claim(image_id, lease):
            return None
        return Image.objects.select_related("post", "platform_connection").get(pk=image_id)


def record_draft(
    image_id: int, attempts: int, draft: Draft, picture: Picture | None = None, *, candidates: Sequence[Draft] = ()
) -> bool:
    """Make `draft` the image's draft, awaiting review, with `candidates` beside it.

    It answers a request for a new draft, too: the old one stays among the versions. False, and no change, if this
    attempt is not the latest, or a person decided or took the request back meanwhile.
    """
    return again_after_deadlock(lambda: _record_draft(image_id, attempts, draft, picture, candidates))


def record_candidates(
    image_id: int, attempts: int, candidates: Sequence[Draft], picture: Picture | None = None
) -> bool:
    """Offer `candidates` beside the draft that is there, which stays the draft. The request for them is over.

    False, and no change, as for `record_draft`, or where there is no draft.
    """
    return again_after_deadlock(lambda: _record_candidates(image_id, attempts, candidates, picture))


@transaction.atomic
def _record_draft(
    image_id: int, attempts: int, draft: Draft, picture: Picture | None, candidates: Sequence[Draft]
) -> bool:
    values: dict[str, Any] = {
        "generated_caption": draft.text,
        "captioned_at": _drafted_at(),
        "language": draft.language[:20],
        "prompt_used": draft.prompt or None,
        "image_category": draft.category[:50] or None,
        "caption_quality_score": draft.score,
        "needs_special_review": draft.needs_special_review,
        "proposed_decorative": draft.proposed_decorative,
        "visible_text": draft.visible_text,
        "review_opened_at": None,  # nobody has seen it
        "processing_error": None,
        "failures": 0,
        "regenerate_instruction": "",
        **NOT_ASKED_FOR,
        **_picture_values(picture),
    }
    if not Image.objects.held(image_id, attempts).update(**values):
        return False
    _version(image_id, CaptionVersion.Kind.GENERATED, draft).save()
    _offer(image_id, candidates)
    return True


def _drafted_at() -> Case:
    """When the draft was made, by which the queue is ordered.

    What a person asked for keeps its place, for whoever goes on from there: the moment is the next one after that of
    the old draft, so that a decision on that does not pass for one on the new. (Before the request is emptied in the
    same statement: MySQL's later assignments see what the earlier ones wrote.)
    """
    asked_by_person = When(regenerate_asked_by__isnull=False, captioned_at__isnull=False, then=_NEXT_MOMENT)
    return Case(asked_by_person, default=Value(timezone.now()), output_field=DateTimeField())


@transaction.atomic
def _record_candidates(image_id: int, attempts: int, candidates: Sequence[Draft], picture: Picture | None) -> bool:
    done = {"processing_error": None, "failures": 0, **NOT_ASKED_FOR, **_picture_values(picture)}
    drafted = Image.objects.held(image_id, attempts).filter(captioned_at__isnull=False)
    if not drafted.update(regenerate_instruction="", **done):
        return False
    _offer(image_id, candidates)
    return True


def _offer(image_id: int, candidates: Sequence[Draft]) -> None:
    CaptionVersion.objects.bulk_create(
        _version(image_id, CaptionVersion.Kind.CANDIDATE, candidate) for candidate in candidates
    )


def _version(image_id: int, kind: str, draft: Draft) -> CaptionVersion:
    return CaptionVersion(
        image_id=image_id,
        kind=kind,
        text=draft.text,
        language=draft.language[:20],
        engine=draft.engine[:50],
        model=draft.model[:100],
        prompt_version=draft.prompt_version[:50],
        prompt_template_id=draft.template_pk,
        category=draft.category[:50],
        parts=list(draft.parts),
        score=draft.score,
        findings=list(draft.findings),
        instruction=draft.instruction[:500],
        temperature=draft.temperature,
        confidence=draft.confidence,
        tokens_in=draft.tokens_in,
        tokens_out=draft.tokens_out,
        seconds=draft.seconds,
        cost=draft.cost,
    )


def record_failure(
    image_id: int,
    attempts: int,
    reason: str,
    *,
    retry_at: datetime | None,
    picture: Picture | None = None,
    failures: int | None = None,
) -> bool:
    """Note why there is no draft: again at `retry_at`, or, without it, when a person asks for it.

    `failures` is the count from now on, where the one made at the claim is not to stand.

    An image whose earlier draft was to be replaced keeps that draft, which awaits review as before, and the reason why
    there is no new one. False, and nothing changed, if this attempt is not the latest.
    """
    if retry_at is None:
        return again_after_deadlock(lambda: _give_up(image_id, attempts, reason, picture))
    # A task that was cancelled meanwhile has emptied `next_attempt_at`; then nobody wants another attempt.
    held = Image.objects.held(image_id, attempts)
    count = {} if failures is None else {"failures": failures}
    values = {"processing_error": reason, **count, **_picture_values(picture)}
    return bool(
        held.filter(next_attempt_at__isnull=False).update(next_attempt_at=retry_at, **values) or held.update(**values)
    )


def withdraw_claimed(image_id: int, attempts: int, reason: str) -> bool:
    """Nobody may have a draft of this image, which a worker holds; it stays as it is, with the reason.

    A later scan takes it up if it may. False, and nothing changed, if this attempt is not the latest.
    """
    return again_after_deadlock(lambda: _settle_without(image_id, attempts, processing_error=reason, failures=0))


def _give_up(image_id: int, attempts: int, reason: str, picture: Picture | None) -> bool:
    values = {"processing_error": reason, **_picture_values(picture)}
    return _settle_without(image_id, attempts, status=Image.Status.ERROR, **values)


@transaction.atomic
def _settle_without(image_id: int, attempts: int, *, status: str = Image.Status.PENDING, **values: Any) -> bool:
    """An earlier draft awaits review as before; without one the image has that status, and its post does not wait."""
    held = Image.objects.held(image_id, attempts)
    post_id = held.values_list("post_id", flat=True).first()
    if post_id is None:
        return False
    lock_post(post_id)
    values |= NOT_ASKED_FOR
    if _with_draft(held).update(captioned_at=Coalesce("captioned_at", timezone.now()), **values):
        return True
    if not held.update(status=status, **values):
        return False
    settle_waiting_publications(post_id)
    return True


def _with_draft(images: ImageQuerySet) -> ImageQuerySet:
    """Those that have one; before version 0.4 `captioned_at` was emptied while a new one was made."""
    return images.filter(
        Q(captioned_at__isnull=False) | (Q(generated_caption__isnull=False) & ~Q(generated_caption=""))
    )


def _picture_values(picture: Picture | None) -> dict[str, Any]:
    if picture is None:
        return {}
    return {**asdict(picture), "media_type": picture.media_type[:100] or None}


# Asking for drafts, and taking it back


def ask_for_drafts(image_ids: Sequence[int], batch_id: str) -> int:
    """Make undrafted images due, in the name of the task `batch_id`; how many are its own now.

    Those that were asked for already keep their turn and only change hands; what a person asked for stays theirs.
    """
    undrafted = Image.objects.undrafted().filter(pk__in=image_ids, is_decorative=False, regenerate_asked_by=None)
    asked = {"batch_id": batch_id, "next_attempt_at": timezone.now(), "failures": 0, "processing_error": None}
    new = undrafted.filter(next_attempt_at=None).update(**asked)
    return new + undrafted.exclude(batch_id=batch_id).update(batch_id=batch_id)


def ask_for_new_drafts(image_ids: Sequence[int], batch_id: str) -> int:
    """Have drafts that only the machine wrote and that nobody decided or looks at made again; how many.

    The old draft can be read and decided until the new one is there. What a person asked for goes first.
    """
    now = timezone.now()
    undecided = Image.objects.awaiting_review().filter(pk__in=image_ids, is_decorative=False)
    by_machine = undecided.filter(Q(reviewed_caption=None) | Q(reviewed_caption=""), regenerate_asked_by=None)
    free = by_machine.filter(Q(claimed_until=None) | Q(claimed_until__lte=now))
    values = {"batch_id": batch_id, "regenerate_instruction": "", "candidates_wanted": 0, **_asked(now)}
    return free.update(regenerate_asked_at=now, **values)


def ask_for_new_draft(image: Image, user: User, *, instruction: str, candidates: int) -> bool:
    """Have a new draft, or so many candidates, of one image that awaits review; the latest request counts.

    A task that asked for a new draft does not wait for it any more. False if it does not await review any more.
    """
    now = timezone.now()
    by_task = When(regenerate_asked_at__isnull=False, regenerate_asked_by=None, then=Value(""))
    # First of all: MySQL's later assignments see what the earlier ones wrote.
    values: dict[str, Any] = {"batch_id": Case(by_task, default=F("batch_id"))}
    values |= {"regenerate_instruction": instruction, "candidates_wanted": candidates, **_asked(now)}
    awaiting = Image.objects.awaiting_review().filter(pk=image.pk)
    return awaiting.update(**values, regenerate_asked_at=now, regenerate_asked_by=user) == 1


def _asked(now: datetime) -> dict[str, Any]:
    """`attempts` goes on, so that a worker that holds an earlier request does not answer this one."""
    return {"next_attempt_at": now, "attempts": F("attempts") + 1, "failures": 0, "processing_error": None}


def ask_for_rest(batch_id: str) -> int:
    """Make due again what was withdrawn from the task `batch_id` undrafted; how many."""
    rest = Image.objects.undrafted().filter(batch_id=batch_id, next_attempt_at=None, is_decorative=False)
    return rest.update(next_attempt_at=timezone.now(), failures=0)


def ask_again(failed: ImageQuerySet, batch_id: str) -> int:
    """Give those of `failed` that ended in an error a new start, in the name of the task `batch_id`; how many."""
    return failed.filter(status=Image.Status.ERROR).update(
        status=Image.Status.PENDING,
        captioned_at=None,
        batch_id=batch_id,
        next_attempt_at=timezone.now(),
        failures=0,
        processing_error=None,
    )


def withdraw(batch_id: str, most: int | None = None) -> int:
    """Nobody wants the drafts of this task any more; how many were still open and are not now, at most `most`.

    The images stay, so that a later task finds them, and so do the drafts that were to be made again. What a worker has
    in hand may still become a first draft. Publications that waited for nothing else are queued.
    """
    found = _asked_for(batch_id).values_list("post_id", "pk")
    images = sorted(found if most is None else found[:most])  # by post: the order in which posts are locked
    chunks = [images[start : start + WITHDRAWN_AT_ONCE] for start in range(0, len(images), WITHDRAWN_AT_ONCE)]
    return sum(again_after_deadlock(partial(_withdraw, batch_id, chunk)) for chunk in chunks)


@transaction.atomic
def _withdraw(batch_id: str, images: Sequence[tuple[int, int]]) -> int:
    """`images` are pairs of a post's id and an image's."""
    posts = {post_id for post_id, _pk in images}
    # All of them: the approval that opens a waiting publication may be about to be committed.
    lock_posts(posts)
    asked = _asked_for(batch_id).filter(pk__in=[pk for _post_id, pk in images])
    drafted = _with_draft(asked).update(captioned_at=Coalesce("captioned_at", timezone.now()), **NOT_ASKED_FOR)
    count = drafted + asked.update(next_attempt_at=None)
    waiting = Publication.objects.filter(post__in=posts, status=Publication.Status.WAITING)
    for post_id in waiting.order_by("post_id").values_list("post_id", flat=True):
        settle_waiting_publications(post_id)
    return count


def _asked_for(batch_id: str) -> ImageQuerySet:
    """What a person asked for besides is not the task's to take back."""
    return Image.objects.asked_for().filter(batch_id=batch_id, regenerate_asked_by=None)
