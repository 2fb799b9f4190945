"""What can be found out about a picture before anybody describes it: its kind, the text in it, codes, faces, colours.

It chooses the words of the question and the checks of the answer. The libraries of the basic engine do it, in this
process; they are loaded at the first picture.
"""

from django.conf import settings

from captions import languages
from processing.engines.base import EngineRefused, Examination
from processing.preparation import PreparedImage


def examine(prepared: PreparedImage, language: str = "") -> Examination:
    """Examine one picture of a post in `language` (BCP 47; empty if unknown), by which letters alike are told.

    Empty where EXAMINE_PICTURES is off, and where the libraries cannot work on the picture.

    Takes 0.1 to 2 seconds, nearly all of it for reading. Safe to call from several threads.
    """
    if not settings.EXAMINE_PICTURES:
        return Examination()
    from processing.engines.basic.seeing import see  # loads OpenCV and onnxruntime

    try:
        seen = see(prepared, language)
    except EngineRefused:
        return Examination()
    text = "\n".join(seen.paragraphs)
    return Examination(
        kind=seen.kind.category.value,
        visible_text=text,
        unreadable=seen.unreadable,
        codes=tuple(said for code in seen.codes if (said := code.link or code.text)),
        faces=seen.faces,
        colours=tuple(seen.colours),
        proposed_decorative=seen.is_decorative,
        language=languages.detect(text) if text else "",
    )
