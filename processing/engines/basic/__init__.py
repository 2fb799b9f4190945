"""The embedded describer: no server, no download, about a second for a picture.

It reads text and codes, counts faces, names colours and the kind of picture. It does not know what a picture shows, and
says only what it found; every draft of it is for a person to complete.
"""

import time

from processing.engines.base import EngineAnswer, EngineRequest
from processing.engines.basic.kinds import Kind
from processing.engines.basic.layout import is_number
from processing.engines.basic.phrases import phrases_for
from processing.engines.basic.seeing import Seen, recall, see
from processing.engines.basic.tesseract import packs
from processing.engines.basic.twins import is_doubtful, script_of_language
from processing.engines.basic.wording import Findings, compose
from processing.engines.probe import PROBE_REQUEST, probe_picture
from processing.preparation import PreparedImage

MODEL = "basic/2"


class BasicEngine:
    """Describes with the libraries in this process. Safe to share between threads."""

    name = "basic"
    follows_instructions = False

    def health(self) -> None:
        """Look at a small picture of our own, which the libraries may fail to."""
        self.describe(probe_picture(), PROBE_REQUEST)

    def identity(self, image: PreparedImage, request: EngineRequest) -> str:
        """What it says depends on the language and the length asked for, the frames, and on what it can read."""
        return f"{MODEL} {request.language} {request.max_length} {image.frames} {request.poster_of} {','.join(packs())}"

    def describe(self, image: PreparedImage, request: EngineRequest) -> EngineAnswer:
        """Say what was found, in at most `request.max_length` characters. English where the language is unknown.

        Raises EngineRefused if the libraries cannot work on the picture.
        """
        started = time.monotonic()
        examined = request.examined
        seen = recall(image, examined) if examined and examined.kind else see(image, request.language)
        language, phrases = phrases_for(request.language)
        findings = Findings(
            kind=seen.kind,
            is_grey=seen.is_grey,
            colours=seen.colours,
            faces=seen.faces,
            paragraphs=[text for text in seen.paragraphs if _worth_quoting(text, seen.kind)],
            codes=seen.codes,
            frames=image.frames,
            poster_of=request.poster_of,
        )
        return EngineAnswer(
            text=compose(findings, phrases, request.max_length),
            engine=self.name,
            model=MODEL,
            visible_text="\n".join(seen.paragraphs),
            category=seen.kind.category.value,
            needs_special_review=True,
            proposed_decorative=seen.is_decorative,
            seconds=time.monotonic() - started,
            notes=_notes(seen, language, request),
            language=language,
        )


def _worth_quoting(text: str, kind: Kind) -> bool:
    """Axis ticks and the days of a calendar are no help without the picture around them."""
    if kind is Kind.CHART:
        return not is_number(text) or "%" in text
    return kind is not Kind.SCREENSHOT or len(text) > 2 or not is_number(text)


def _may_be_another_script(paragraphs: list[str], language: str) -> bool:
    """Whether a text in a language of another script is quoted as Latin although its letters look alike in both."""
    return bool(script_of_language(language)) and any(is_doubtful(text) for text in paragraphs)


def _notes(seen: Seen, language: str, request: EngineRequest) -> tuple[str, ...]:
    notes = ["The basic engine sees no things, people or actions: a person must check and complete this text."]
    named = [script for script in seen.unreadable if script != "unknown"]
    if named:
        notes.append(f"There seems to be {' and '.join(named)} text in the picture that could not be read.")
    elif seen.unreadable:
        notes.append("There seems to be text in the picture that could not be read.")
    if _may_be_another_script(seen.paragraphs, request.language):
        notes.append("All letters read look the same in Cyrillic or Greek: it may be another word than it seems.")
    if not request.language.lower().startswith(language):
        notes.append(f"The basic engine has no words for the language “{request.language}”: the text is in English.")
    return tuple(notes)
