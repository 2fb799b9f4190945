"""Nothing that a camera or a program wrote beside the picture goes any further: not to an engine, not into a draft."""

import io
import json
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from unittest import mock

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from PIL import Image, PngImagePlugin

from processing import pictures
from processing.describing import Result
from processing.engines import EngineAnswer, EngineRequest
from processing.preparation import PreparedImage, pool
from processing.tests.pictures import encoded, noise
from processing.tests.tasks_case import FakeEngine, TasksCase
from vedfolnir.lib.outbound import Response

CANARY = "canary-7f3a"
XMP = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF>{CANARY}-xmp</rdf:RDF></x:xmpmeta>'.encode()


def exif() -> bytes:
    """Camera, owner, date, place and a preview of the whole picture."""
    tags = Image.Exif()
    tags[0x010E], tags[0x010F], tags[0x013B], tags[0x8298] = (f"{CANARY}-{name}" for name in ("a", "b", "c", "d"))
    tags[0x0132] = f"2019:07:14 {CANARY}"
    tags.get_ifd(0x8769)[0x9286] = b"ASCII\x00\x00\x00" + f"{CANARY}-comment".encode()
    tags.get_ifd(0x8769)[0xA431] = f"{CANARY}-serial"
    tags.get_ifd(0x8825)[0x0002] = (52.0, 31.0, 12.0)
    tags.get_ifd(0x8825)[0x001D] = f"{CANARY}-gps"
    return tags.tobytes()


def iptc() -> bytes:
    """A Photoshop block (APP13) with a caption and a city."""
    record = b"".join(
        b"\x1c\x02" + bytes([number]) + struct.pack(">H", len(text)) + text
        for number, text in ((120, f"{CANARY}-caption".encode()), (90, f"{CANARY}-city".encode()))
    )
    block = b"8BIM\x04\x04\x00\x00" + struct.pack(">I", len(record)) + record + b"\x00" * (len(record) % 2)
    return b"Photoshop 3.0\x00" + block


def jpeg_with_everything() -> bytes:
    thumbnail = encoded(noise((160, 120)), "JPEG", comment=f"{CANARY}-thumbnail".encode())
    data = encoded(noise(), "JPEG", exif=exif(), xmp=XMP, comment=f"{CANARY}-comment".encode())

    def segment(marker: int, body: bytes) -> bytes:
        return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body

    more = (
        segment(0xED, iptc()) + segment(0xE5, f"{CANARY}-maker".encode() + thumbnail) + segment(0xFE, CANARY.encode())
    )
    return data[:2] + more + data[2:] + f"{CANARY}-behind".encode() + thumbnail


def png_with_everything() -> bytes:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", f"{CANARY}-text")
    texts.add_text("Comment", f"{CANARY}-packed", zip=True)
    texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
    return encoded(noise(), "PNG", pnginfo=texts, exif=exif())


def animated(picture_format: str, **options: object) -> bytes:
    frames = [noise((60, 40)) for _number in range(4)]
    return encoded(frames[0], picture_format, save_all=True, append_images=frames[1:], duration=50, **options)


def stereo() -> bytes:
    return encoded(noise(), "MPO", save_all=True, append_images=[noise()], exif=exif())


FILES: dict[str, Callable[[], bytes]] = {
    "JPEG": jpeg_with_everything,
    "MPO": stereo,
    "PNG": png_with_everything,
    "APNG": lambda: animated("PNG", exif=exif()),
    "WebP": lambda: encoded(noise(), "WEBP", exif=exif(), xmp=XMP),
    "animated WebP": lambda: animated("WEBP", exif=exif(), xmp=XMP),
    "AVIF": lambda: encoded(noise(), "AVIF", exif=exif(), xmp=XMP),
    "GIF": lambda: animated("GIF", comment=f"{CANARY}-gif".encode()),
    "TIFF": lambda: encoded(noise(), "TIFF", exif=exif(), description=f"{CANARY}-tiff"),
}


@pytest.mark.parametrize("name", FILES)
def test_nothing_but_what_is_seen_is_left(name: str) -> None:
    data = FILES[name]()
    assert CANARY.encode() in data
    prepared = pool.prepare(data)
    facts = asdict(prepared)
    jpegs = [facts.pop("jpeg"), *facts.pop("more_frames")]
    for jpeg in jpegs:
        assert b"canary" not in jpeg
        assert [
            marker for marker in (b"Exif", b"http://ns.adobe", b"Photoshop", b"ICC_PROFILE") if marker in jpeg
        ] == []
        with Image.open(io.BytesIO(jpeg)) as image:
            assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
            assert not dict(image.getexif())
    assert CANARY not in json.dumps(facts)
    if "animated" in name or name in ("APNG", "GIF"):
        assert len(jpegs) == 3


@dataclass
class Keeping(FakeEngine):
    """Keeps the pictures that it is given, too."""

    pictures: list[PreparedImage] = field(default_factory=list)

    def describe(self, image: PreparedImage, request: EngineRequest) -> EngineAnswer:
        self.pictures.append(image)
        return replace(super().describe(image, request), prompt=repr(request))


class WholeWayTests(TasksCase):
    def test_none_of_it_comes_to_the_engine_the_draft_or_the_disk(self) -> None:
        self.sandbox.add_status("A walk.")
        self.run_task(self.start())
        engine = Keeping()
        answer = Response(status=200, headers={}, body=jpeg_with_everything(), url="https://files.example/1.jpg")
        with mock.patch.object(pictures, "_fetch", return_value=answer):
            assert self.describe_due(engine) == [Result.DRAFTED]

        assert len(engine.pictures) == 1
        assert b"canary" not in engine.pictures[0].jpeg
        kept = [path for path in self.media.rglob("*") if path.is_file()]
        assert len(kept) == 1
        assert b"canary" not in kept[0].read_bytes()
        for model in apps.get_models():
            assert "canary" not in str(list(model._default_manager.values())), model.__name__
        assert "canary" not in repr(engine.asked)


def test_none_of_it_comes_out_of_the_command(tmp_path: Path) -> None:
    picture = tmp_path / "holiday.jpg"
    picture.write_bytes(jpeg_with_everything())
    out = io.StringIO()
    with suppress(CommandError):  # what the text is worth is not asked here
        call_command("caption", str(picture), engine="basic", as_json=True, stdout=out)
    assert json.loads(out.getvalue())["text"]
    assert "canary" not in out.getvalue()
