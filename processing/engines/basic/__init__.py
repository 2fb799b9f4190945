"""The embedded describer: no server, no download, about a second for a picture.

It reads text and codes, counts faces, names colours and the kind of picture. It does not know what a picture shows, and
says only what it found; every draft of it is for a person to complete.
"""

import io
import time
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from processing.engines.base import EngineAnswer, EngineRefused, EngineRequest
from processing.engines.basic.codes import Code, read_codes
from processing.engines.basic.colours import colour_shares
from processing.engines.basic.faces import count_faces
from processing.engines.basic.kinds import Kind, kind_of, look_at
from processing.engines.basic.layout import blocks, is_number
from processing.engines.basic.ocr import Reading, read
from processing.engines.basic.phrases import phrases_for
from processing.engines.basic.wording import Findings, compose
from processing.preparation import PreparedImage

MODEL = "basic/1"


class BasicEngine:
    """Describes with the libraries in this process. Safe to share between threads."""

    name = "basic"

    def health(self) -> None:
        """Always well: there is nothing outside this process to ask."""

    def identity(self, image: PreparedImage, request: EngineRequest) -> str:
        """What it says depends on the language and the length asked for, and on nothing around the picture."""
        return f"{MODEL} {request.language} {request.max_length} {image.frames}"

    def describe(self, image: PreparedImage, request: EngineRequest) -> EngineAnswer:
        """Say what was found, in at most `request.max_length` characters. English where the language is unknown.

        Raises EngineRefused if the libraries cannot work on the picture.
        """
        started = time.monotonic()
        try:
            seen = _examine(image)
        except cv2.error as error:
            raise EngineRefused("The basic engine cannot work on a picture of this shape.") from error
        language, phrases = phrases_for(request.language)
        paragraphs = [" ".join(line.text for line in block) for block in blocks(seen.reading.lines)]
        findings = Findings(
            kind=seen.kind,
            is_grey=seen.is_grey,
            colours=seen.colours,
            faces=seen.faces,
            paragraphs=[text for text in paragraphs if _worth_quoting(text, seen.kind)],
            codes=seen.codes,
            frames=image.frames,
        )
        return EngineAnswer(
            text=compose(findings, phrases, request.max_length),
            engine=self.name,
            model=MODEL,
            visible_text="\n".join(paragraphs),
            category=seen.kind.value,
            needs_special_review=True,
            seconds=time.monotonic() - started,
            notes=_notes(seen, language, request),
            language=language,
        )


@dataclass(frozen=True)
class _Seen:
    kind: Kind
    is_grey: bool
    colours: list[str]
    faces: int
    reading: Reading
    codes: list[Code]


def _examine(image: PreparedImage) -> _Seen:
    rgb = _pixels(image.jpeg)
    reading = read(rgb)
    shares = colour_shares(rgb)
    look = look_at(rgb)
    kind = kind_of(look, reading, shares, (rgb.shape[1], rgb.shape[0]))
    return _Seen(
        kind=kind,
        is_grey=look.is_grey,
        colours=[name for name, share in shares[:2] if share >= 0.15],
        faces=count_faces(rgb) if kind is Kind.PHOTO else 0,  # elsewhere the cascades find faces that are none
        reading=reading,
        codes=read_codes(rgb),
    )


def _worth_quoting(text: str, kind: Kind) -> bool:
    """Axis ticks and the days of a calendar are no help without the picture around them."""
    if kind is Kind.CHART:
        return not is_number(text) or "%" in text
    return kind is not Kind.SCREENSHOT or len(text) > 2 or not is_number(text)


def _pixels(jpeg: bytes) -> npt.NDArray[np.uint8]:
    """Height x width x 3. A sliver is widened with its own edge, so that every library has something to work on."""
    with Image.open(io.BytesIO(jpeg)) as picture:
        rgb = np.asarray(picture.convert("RGB"))
    missing = [max(0, 32 - side) for side in rgb.shape[:2]]
    if any(missing):
        rgb = np.pad(rgb, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")
    return rgb


def _notes(seen: _Seen, language: str, request: EngineRequest) -> tuple[str, ...]:
    notes = ["The basic engine sees no things, people or actions: a person must check and complete this text."]
    if seen.reading.unreadable:
        notes.append("There seems to be text in the picture that could not be read.")
    if not request.language.lower().startswith(language):
        notes.append(f"The basic engine has no words for the language “{request.language}”: the text is in English.")
    return tuple(notes)
