"""Trying a prompt on a picture, at once and for somebody who waits. Nothing of it is stored."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from accounts.models import User
from captions.models import Image, PromptTemplate, StyleGuide
from platforms.wanted import may_touch
from processing import engine_slots, leases
from processing.engine_breaker import where
from processing.engine_names import AUTO, parse_chain
from processing.engines import Engine, EngineAnswer, EngineError, build_engine
from processing.engines.base import Examination
from processing.engines.config import engine_config
from processing.preparation import PictureRefused, PreparationUnavailable, prepare
from processing.requests import base_request, template_of
from vedfolnir.lib.outbound import Timeout

MOST_PICTURES = 5
PATIENCE = Timeout(connect=5.0, read=60.0, total=60.0)  # seconds; somebody looks at a page that loads
# The others work inside a worker: a web process would load their models a second time.
ASKED_OVER_HTTP = ("ollama", "openai")


class PreviewRefused(Exception):
    """There is no text to show; the message says why."""


@dataclass(frozen=True)
class Preview:
    text: str
    engine: str
    model: str
    seconds: float


def latest_pictures(user: User) -> list[Image]:
    """Some pictures to try a prompt on: the latest that were described."""
    described = Image.objects.visible_to(user).exclude(local_path="").filter(captioned_at__isnull=False)
    return list(described.order_by("-captioned_at", "-id")[:MOST_PICTURES])


def pictures(user: User, numbers: Sequence[int]) -> list[Image]:
    """The pictures of these numbers that there are and that `user` may see, in that order, at most `MOST_PICTURES`."""
    found = Image.objects.visible_to(user).in_bulk(list(numbers)[:MOST_PICTURES])
    return [found[number] for number in numbers[:MOST_PICTURES] if number in found]


def preview(template: PromptTemplate, image: Image) -> Preview:
    """What the engine writes about the picture with this prompt, in a minute at most.

    It takes a place at the engine, as workers do. Raises PreviewRefused.
    """
    connection = image.platform_connection
    if connection is not None and not may_touch(connection, image.post.traits):
        raise PreviewRefused(_("The owner of the account leaves this post out: no engine sees its pictures."))
    engine = _engine()
    guide = StyleGuide.objects.filter(platform_connection=image.platform_connection_id).first()
    known = Examination(kind=image.image_category or "", visible_text=image.visible_text)
    request = replace(base_request(image, known, guide), template=template_of(template), instruction="", previous="")
    try:
        prepared = prepare(_stored(image))
        with engine_slots.place(where(engine.name), leases.call_lease()):
            answer = engine.describe(prepared, request)
    except engine_slots.NoPlace:
        busy = _("All places at %(engine)s are taken by pictures that are being described. Try again in a moment.")
        raise PreviewRefused(busy % {"engine": engine.name}) from None
    except (EngineError, PictureRefused, PreparationUnavailable) as error:
        raise PreviewRefused(str(error)) from error
    return _shown(answer)


def _shown(answer: EngineAnswer) -> Preview:
    return Preview(answer.text, answer.engine, answer.model, round(answer.seconds, 1))


def _engine() -> Engine:
    """The first of the chain that is asked over HTTP."""
    config = replace(engine_config(), describe_timeout=PATIENCE)
    names = parse_chain(config.chain)
    asked = ["ollama"] if names == [AUTO] else [name for name in names if name in ASKED_OVER_HTTP]
    if not asked:
        raise PreviewRefused(
            _(
                "CAPTION_ENGINE is %(chain)s. A prompt can be tried here with an engine that has a server of its own "
                "(ollama, openai); the embedded describer takes no prompt, and a model that runs in the workers is "
                "tried with manage.py evaluate_engine."
            )
            % {"chain": config.chain}
        )
    return build_engine(asked[0], config)


def _stored(image: Image) -> bytes:
    folder = Path(settings.MEDIA_ROOT).resolve()
    path = (folder / image.local_path).resolve()
    if not image.local_path or not path.is_relative_to(folder) or not path.is_file():
        raise PreviewRefused(_("There is no copy of this picture here. Choose one that was described."))
    return path.read_bytes()
