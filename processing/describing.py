"""One picture: claim, fetch, prepare, ask the engine, check, record. Nothing is locked while others work."""

import logging
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from enum import StrEnum
from random import uniform
from typing import Any, Protocol

from django.utils import timezone
from django.utils.translation import gettext as _

from captions import checks, drafts
from captions.actions import alt_text_limit
from captions.drafts import Draft, Picture
from captions.models import Image
from platforms.traffic.traffic import Held
from platforms.wanted import may_touch
from processing import backoff, leases, outages, pictures
from processing.engine_choice import EngineMisconfigured, current_chain
from processing.engines import EngineAnswer, EngineRefused, EngineRequest, EngineUnavailable, PostContext
from processing.models import CaptionGenerationTask
from processing.preparation import PictureRefused, PreparedImage
from processing.task_settings import TaskSettings
from vedfolnir.lib.outbound import OutboundRefused, OutboundUnavailable

logger = logging.getLogger(__name__)

FAILURES_MOST = 5
SILENCE_MOST = 600.0  # seconds
RETRY_FIRST, RETRY_MOST, RETRY_FACTOR = timedelta(seconds=30), timedelta(hours=1), 4


class Result(StrEnum):
    NOT_DUE = "not due"
    WITHDRAWN = "withdrawn"
    DRAFTED = "drafted"
    LATER = "later"
    ERROR = "error"
    LEASE_LOST = "lease lost"


class Describer(Protocol):
    """What is asked for a description: the chain, or one engine."""

    def describe(self, image: PreparedImage, request: EngineRequest) -> EngineAnswer: ...


def caption_image(pk: int, *, engine: Describer | None = None) -> Result:
    """Draft the alt text of an image if it is due. Safe to run twice and by several workers at once.

    `engine` is the process's own chain unless given. Whatever goes wrong is on the image afterwards.
    """
    image = drafts.claim(pk, leases.image_lease())
    if image is None:
        return Result.NOT_DUE
    if image.platform_connection is not None and not may_touch(image.platform_connection, image.post.traits):
        return _withdraw(image)
    if image.failures > FAILURES_MOST:
        ended = _("Working on this picture ended the worker %(count)d times.") % {"count": image.failures - 1}
        return _give_up(image, ended)
    try:
        return _describe(image, engine)
    except Exception:  # the outermost loop: a mistake of ours must be seen on the row, too
        logger.exception("image %s: unexpected error", pk)
        return _later(image, _("Something went wrong in Vedfolnir itself; the worker's log has the details."))


def _withdraw(image: Image) -> Result:
    """The owner closed such posts after the draft was asked for: no engine sees the picture."""
    reason = _("By its visibility or a tag such as #noai, this post is one that the connection leaves out.")
    logger.info("image %s: withdrawn: %s", image.pk, reason)
    withdrawn = drafts.withdraw_claimed(image.pk, image.attempts, reason)
    return Result.WITHDRAWN if withdrawn else Result.LEASE_LOST


def _describe(image: Image, engine: Describer | None) -> Result:
    picture: Picture | None = None
    try:
        prepared = pictures.download(image)
        picture = pictures.keep(prepared)
        answer = (engine or current_chain()).describe(prepared, _request(image))
        outages.over()
    except EngineUnavailable as error:
        return _after_outage(image, str(error), picture)
    except Held as error:
        return _after_held(image, error)
    except (OutboundUnavailable, EngineMisconfigured) as error:
        return _later(image, str(error), picture)
    except EngineRefused as error:
        outages.over()
        return _give_up(image, str(error), picture)
    except (OutboundRefused, PictureRefused) as error:
        return _give_up(image, str(error), picture)
    if not drafts.record_draft(image.pk, image.attempts, _draft(image, answer), picture):
        logger.warning("image %s: the lease was lost, another worker goes on", image.pk)
        return Result.LEASE_LOST
    logger.info("image %s: drafted by %s in %.1f s", image.pk, answer.engine, answer.seconds)
    return Result.DRAFTED


def _request(image: Image) -> EngineRequest:
    task = CaptionGenerationTask.objects.filter(pk=image.batch_id).only("settings_json").first()
    wishes = TaskSettings.of(task) if task else TaskSettings()
    return EngineRequest(
        language=_language(image),
        max_length=min(wishes.max_caption_length, alt_text_limit(image.platform_connection)),
        context=PostContext(text=_context(image)),
    )


def _draft(image: Image, answer: EngineAnswer) -> Draft:
    language = answer.language or _language(image)
    findings = checks.check(
        answer.text,
        limit=alt_text_limit(image.platform_connection),
        language=language,
        post_text=_context(image),
        visible_text=answer.visible_text,
        engine=answer.engine,
    )
    return Draft(
        text=answer.text,
        language=language,
        engine=answer.engine,
        model=answer.model,
        prompt=answer.prompt,
        prompt_version=answer.prompt_version,
        category=answer.category,
        score=checks.score(findings),
        findings=[*_as_json(findings), *_notes(answer)],
        needs_special_review=answer.needs_special_review,
        tokens_in=answer.tokens_in,
        tokens_out=answer.tokens_out,
        seconds=answer.seconds,
    )


def _as_json(findings: Sequence[checks.Finding]) -> list[dict[str, Any]]:
    return [asdict(finding) | {"message": str(finding.message)} for finding in findings]


def _notes(answer: EngineAnswer) -> list[dict[str, Any]]:
    """What the engine itself has to say, beside the findings and without weight in the score."""
    return [{"code": "engine-note", "severity": "note", "message": note, "span": None} for note in answer.notes]


def _language(image: Image) -> str:
    return image.post.language or "en"


def _context(image: Image) -> str:
    """The post as readers see it: untrusted text, data and nothing else."""
    return "\n".join(part for part in (image.post.spoiler_text, image.post.post_content or "") if part)


def _after_outage(image: Image, reason: str, picture: Picture | None) -> Result:
    """An outage waits, however long: it is taken back from the failures of the picture, which were counted at claim."""
    retry_at = timezone.now() + outages.note()
    return _put_off(image, reason, retry_at, picture, failures=image.failures - 1)


def _after_held(image: Image, error: Held) -> Result:
    """The host of the file is left alone for about as long as it has not answered, so that others get their turn."""
    wait = max(error.seconds, min(error.silent_for, SILENCE_MOST)) * uniform(1, 2)  # noqa: S311  (spreads load)
    retry_at = timezone.now() + timedelta(seconds=wait)
    return _put_off(image, error.reason, retry_at, None, failures=image.failures - 1)


def _later(image: Image, reason: str, picture: Picture | None = None) -> Result:
    if image.failures >= FAILURES_MOST:
        gave_up = _("Gave up after %(count)d attempts. %(reason)s") % {"count": image.failures, "reason": reason}
        return _give_up(image, gave_up, picture)
    retry_at = backoff.next_attempt(image.failures, first=RETRY_FIRST, most=RETRY_MOST, factor=RETRY_FACTOR)
    return _put_off(image, reason, retry_at, picture, failures=image.failures)


def _put_off(image: Image, reason: str, retry_at: datetime, picture: Picture | None, *, failures: int) -> Result:
    logger.warning("image %s waits until %s: %s", image.pk, retry_at.strftime("%H:%M:%S UTC"), reason)
    recorded = drafts.record_failure(
        image.pk, image.attempts, reason, retry_at=retry_at, picture=picture, failures=failures
    )
    return Result.LATER if recorded else Result.LEASE_LOST


def _give_up(image: Image, reason: str, picture: Picture | None = None) -> Result:
    logger.warning("image %s: %s", image.pk, reason)
    recorded = drafts.record_failure(image.pk, image.attempts, reason, retry_at=None, picture=picture)
    return Result.ERROR if recorded else Result.LEASE_LOST
