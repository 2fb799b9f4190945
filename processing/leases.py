"""How long a worker may hold something without a sign of life."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from captions.models import Image
from processing.engines import AUTO
from processing.engines.config import engine_config
from processing.models import CaptionGenerationTask
from processing.preparation import pool

SCAN = timedelta(seconds=120)  # four times what one request to a server may take; renewed with every page
DOWNLOAD = timedelta(seconds=60)
PREPARATION = timedelta(seconds=pool.MOST_SECONDS)
EXAMINATION = timedelta(seconds=180)  # seconds as a rule; each of its programs is stopped after 20
RECORDING = timedelta(seconds=30)  # the copy of the picture, the checks of the text, and the rows
RETRYING = timedelta(seconds=15)  # quick retries, and what is noted of them
BASIC = timedelta(seconds=120)  # the engine in this process takes seconds; a loaded machine ten times that


class LeaseLost(Exception):
    """Another worker holds the row, or a person cancelled it: stop, and write nothing."""


def task_lease() -> timedelta:
    return _fixed() or SCAN


def image_lease() -> timedelta:
    """Longer than any step of a picture takes, with what is written after it.

    Renewed between the steps (once it is prepared, and before each call of an engine), so that all engines of a chain,
    several languages and candidates find time, and a picture whose worker died falls due again soon.
    """
    names = [name.strip() for name in engine_config().chain.split(",")]
    asked = ["ollama", "basic"] if AUTO in names else names
    calls = (BASIC if name == "basic" else call_lease() for name in asked)
    return _fixed() or max(DOWNLOAD + PREPARATION, EXAMINATION, *calls) + RECORDING


def call_lease() -> timedelta:
    """Longer than one engine may take for one picture, with its quick retries."""
    config = engine_config()
    # Another server is asked what it has, at most in two requests, and then for the description.
    elsewhere = 2 * config.health_timeout.total + config.describe_timeout.total
    return _fixed() or timedelta(seconds=elsewhere) + RETRYING


def renew_image(image: Image) -> None:
    """Hold on to a picture for another step: its examination, a call of an engine.

    Raises LeaseLost when another worker has it, or nobody wants its draft any more.
    """
    wanted = Image.objects.held(image.pk, image.attempts).filter(next_attempt_at__isnull=False)
    if not wanted.update(next_attempt_at=timezone.now() + image_lease()):
        raise LeaseLost


def give_back_image(image: Image) -> None:
    """Let another worker take the picture at once: nothing went wrong with it."""
    wanted = Image.objects.held(image.pk, image.attempts).filter(next_attempt_at__isnull=False)
    wanted.update(next_attempt_at=timezone.now(), failures=image.failures - 1)


def release_images() -> int:
    """Make due the pictures that a worker held, for a supervisor who knows that none is left; how many.

    Whoever waits for another attempt has an error noted and goes on waiting.
    """
    now = timezone.now()
    return Image.objects.asked_for().filter(next_attempt_at__gt=now, processing_error=None).update(next_attempt_at=now)


def release_tasks() -> int:
    """The same for scans. Publications keep their leases: a worker may have died between a write and its record."""
    now = timezone.now()
    held = CaptionGenerationTask.objects.active().filter(next_attempt_at__gt=now, error_message=None)
    return held.update(next_attempt_at=now)


def _fixed() -> timedelta | None:
    """LEASE_SECONDS, for tests that wait for a lease to run out."""
    return timedelta(seconds=settings.LEASE_SECONDS) if settings.LEASE_SECONDS else None
