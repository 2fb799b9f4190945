"""One picture: claim, fetch, prepare, ask the engine, check, record. Nothing is locked while others work."""

import logging
from datetime import datetime, timedelta
from enum import StrEnum
from random import uniform

from django.utils import timezone
from django.utils.translation import gettext as _

from captions import drafts
from captions.drafts import Picture
from captions.models import Image
from platforms.traffic.traffic import Held
from platforms.wanted import may_touch
from processing import asking, backoff, leases, pictures, stopping
from processing.drafting import Making
from processing.engine_breaker import LONGEST, SHORTEST, LeftAlone
from processing.engine_choice import EngineMisconfigured, current_chain
from processing.engines import Chain, Engine, EngineRefused, EngineUnavailable
from processing.preparation import PictureRefused, PreparationUnavailable, PreparedImage
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


class _Withdrawn(Exception):
    """The owner closed such posts after the draft was asked for."""


def caption_image(pk: int, *, engine: Chain | Engine | None = None) -> Result:
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
    except leases.LeaseLost:
        logger.warning("image %s: the lease was lost: another worker goes on, or nobody wants its draft any more", pk)
        return Result.LEASE_LOST
    except stopping.Stopping:
        leases.give_back_image(image)
        return Result.LATER
    except Exception:  # the outermost loop: a mistake of ours must be seen on the row, too
        logger.exception("image %s: unexpected error", pk)
        return _later(image, _("Something went wrong in Vedfolnir itself; the worker's log has the details."))


def why_not_now(engine: Chain | Engine | None = None) -> str:
    """Why no engine can be asked at the moment, so that it would be in vain to take a picture; empty: one can.

    The first picture that is taken after the pause finds out whether that is still so.
    """
    try:
        held = asking.why_not_now(engine or _own_chain())
    except LeftAlone:
        return ""  # each picture says so, and waits before it is fetched
    return held.reason if held else ""


def _own_chain() -> Chain:
    """The process's. Raises LeftAlone when CAPTION_ENGINE names none that we know."""
    try:
        return current_chain()
    except EngineMisconfigured as error:
        raise LeftAlone(error.reason, LONGEST) from error


def _withdraw(image: Image) -> Result:
    """No engine sees the picture."""
    reason = _("By its visibility or a tag such as #noai, this post is one that the connection leaves out.")
    logger.info("image %s: withdrawn: %s", image.pk, reason)
    withdrawn = drafts.withdraw_claimed(image.pk, image.attempts, reason)
    return Result.WITHDRAWN if withdrawn else Result.LEASE_LOST


def _describe(image: Image, engine: Chain | Engine | None) -> Result:
    picture: Picture | None = None
    try:
        chain = engine or _own_chain()
        asking.require_turn(chain, image)
        prepared = pictures.download(image)
        leases.renew_image(image)
        picture = pictures.keep(prepared)
        return _draft(image, prepared, picture, chain)
    except _Withdrawn:
        return _withdraw(image)
    except EngineUnavailable as error:
        return _after_outage(image, error, picture)
    except LeftAlone as error:
        return _wait(image, error.reason, error.seconds, picture)
    except Held as error:
        return _after_held(image, error)
    except (OutboundUnavailable, PreparationUnavailable) as error:
        return _later(image, str(error), picture)
    except (EngineRefused, OutboundRefused, PictureRefused) as error:
        return _give_up(image, str(error), picture)


def _draft(image: Image, prepared: PreparedImage, picture: Picture, chain: Chain | Engine) -> Result:
    """Ask and record. Where a person wants further texts beside a draft, that stays as it is."""
    making = Making(image, prepared, chain, before=lambda: _require_wanted(image))
    if image.captioned_at is not None and image.candidates_wanted:
        beside = making.candidates(image.generated_caption or "", image.candidates_wanted, needed=True)
        recorded = drafts.record_candidates(image.pk, image.attempts, beside, picture)
    else:
        draft = making.recalled() or making.draft()
        beside = making.candidates(draft.text, making.candidates_wanted(draft))
        recorded = drafts.record_draft(image.pk, image.attempts, draft, picture, candidates=beside)
        logger.info("image %s: drafted by %s in %.1f s", image.pk, draft.engine, draft.seconds or 0.0)
    if not recorded:
        logger.warning("image %s: the lease was lost, another worker goes on", image.pk)
        return Result.LEASE_LOST
    return Result.DRAFTED


def _require_wanted(image: Image) -> None:
    """Asked right before an engine sees the picture. Raises LeaseLost, _Withdrawn, Stopping."""
    if stopping.asked():
        raise stopping.Stopping
    leases.renew_image(image)
    now = Image.objects.select_related("post", "platform_connection").get(pk=image.pk)
    if now.platform_connection is None or not now.platform_connection.is_active:
        raise leases.LeaseLost
    if not may_touch(now.platform_connection, now.post.traits):
        raise _Withdrawn


def _after_outage(image: Image, error: EngineUnavailable, picture: Picture | None) -> Result:
    """An outage waits, however long: it is taken back from the failures of the picture, which were counted at claim.

    Where the engine works for others, it is no outage: what one picture always ends in comes to an end.
    """
    if asking.fails_alone(image):
        return _later(image, str(error), picture)
    return _wait(image, str(error), error.retry_after or SHORTEST, picture)


def _wait(image: Image, reason: str, seconds: float, picture: Picture | None) -> Result:
    retry_at = timezone.now() + timedelta(seconds=seconds)
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
