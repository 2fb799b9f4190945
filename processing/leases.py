"""How long a worker may hold something without a sign of life."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from captions.models import Image
from processing.engines import AUTO
from processing.engines.config import engine_config
from processing.models import CaptionGenerationTask

SCAN = timedelta(seconds=120)  # four times what one request to a server may take; renewed with every page
DOWNLOAD = timedelta(seconds=60)
BASIC = timedelta(seconds=120)  # the engine in this process takes seconds; a loaded machine ten times that


class LeaseLost(Exception):
    """Another worker holds the row, or a person cancelled it: stop, and write nothing."""


def task_lease() -> timedelta:
    return _fixed() or SCAN


def image_lease() -> timedelta:
    """Longer than a download and all engines of the chain, one after the other, may take together."""
    config = engine_config()
    names = [name.strip() for name in config.chain.split(",")]
    asked = ["ollama", "basic"] if AUTO in names else names
    # Another server is asked what it has, at most in two requests, and then for the description.
    elsewhere = timedelta(seconds=2 * config.health_timeout.total + config.describe_timeout.total)
    return _fixed() or sum((BASIC if name == "basic" else elsewhere for name in asked), start=DOWNLOAD)


def release_images() -> int:
    """Make due the pictures that a worker held, for a supervisor who knows that none is left; how many.

    Whoever waits for another attempt has an error noted and goes on waiting.
    """
    now = timezone.now()
    return Image.objects.undrafted().filter(next_attempt_at__gt=now, processing_error=None).update(next_attempt_at=now)


def release_tasks() -> int:
    """The same for scans. Publications keep their leases: a worker may have died between a write and its record."""
    now = timezone.now()
    held = CaptionGenerationTask.objects.active().filter(next_attempt_at__gt=now, error_message=None)
    return held.update(next_attempt_at=now)


def _fixed() -> timedelta | None:
    """LEASE_SECONDS, for tests that wait for a lease to run out."""
    return timedelta(seconds=settings.LEASE_SECONDS) if settings.LEASE_SECONDS else None
