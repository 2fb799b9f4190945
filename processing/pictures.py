"""Fetching the file behind an image, and keeping the prepared form of it under MEDIA_ROOT."""

from pathlib import Path
from uuid import uuid4

from django.conf import settings
from django.utils.translation import gettext as _

from captions.drafts import Picture
from captions.models import Image
from platforms.traffic import doors
from processing.preparation import MAX_BYTES, PictureRefused, PreparedImage, pool
from vedfolnir.lib.outbound import OutboundRefused, OutboundUnavailable, Response, fetch

FOLDER = "pictures"
GONE = frozenset({404, 410})
LATER = frozenset({408, 425, 429})


def download(image: Image) -> PreparedImage:
    """The picture as the engines take it.

    Raises OutboundUnavailable, PreparationUnavailable and, where the host is known not to answer, Held (again later),
    OutboundRefused and PictureRefused (a person must look).
    """
    address = image.image_url or image.preview_url
    if not address:
        raise PictureRefused(_("The server gave no address for the file, or one that is too long."))
    response = _fetch(address)
    _require_success(response)
    return pool.prepare(response.body)


def _fetch(address: str) -> Response:
    host = doors.for_files(address)
    ticket = host.enter()
    try:
        response = fetch(address, max_bytes=MAX_BYTES, allow=settings.OUTBOUND_ALLOW, accept="image/*")
    except OutboundUnavailable:
        host.failed(ticket)
        raise
    except OutboundRefused:
        host.let_go(ticket)
        raise
    host.answered(ticket, response.status, response.headers)
    return response


def _require_success(response: Response) -> None:
    status = response.status
    if status in GONE:
        raise PictureRefused(_("The file is not there any more (the server answers %(status)d).") % {"status": status})
    if status in LATER or status >= 500:
        raise OutboundUnavailable(
            _("The server does not give out the file now (it answers %(status)d).") % {"status": status}
        )
    if status != 200:
        raise PictureRefused(_("The server does not give out the file (it answers %(status)d).") % {"status": status})


def keep(prepared: PreparedImage) -> Picture:
    """Store the prepared JPEG, once for each content, and say where. A half-written file is never seen."""
    relative = Path(FOLDER) / prepared.sha256[:2] / f"{prepared.sha256}.jpg"
    path = Path(settings.MEDIA_ROOT) / relative
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{uuid4().hex}.new")
        unfinished.write_bytes(prepared.jpeg)
        unfinished.rename(path)
    return Picture(
        local_path=relative.as_posix(),
        content_hash=prepared.sha256,
        perceptual_hash=prepared.perceptual_hash,
        width=prepared.width,
        height=prepared.height,
        media_type=f"image/{prepared.format.lower()}",
    )
