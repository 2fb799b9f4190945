"""Whether an answer is nothing but a model's refusal: then there is no draft, and another engine may be asked."""

import re

from captions import phrasebook
from captions.checks.around import Around, Reading
from vedfolnir.lib.text import words

_SENTENCE_ENDS = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")
_SORRY = re.compile(
    r"sorry|apologi[sz]e|unfortunately|tut mir leid|entschuldig|leider|désolée?|malheureusement|lo siento|lamento"
    r"|desculp|spiacente|申し訳|すみません|抱歉|عذر|آسف",
    re.IGNORECASE,
)
_AND_YET = re.compile(
    r"(?<!\w)(?:but|however|though|aber|jedoch|mais|cependant|pero|sin embargo)(?!\w)|しかし|ですが|但是"
)
_BEFORE, _AFTER = 2, 20  # words beside the phrase that are still of the same refusal


def is_refusal(text: str) -> bool:
    """Whether the text, in whatever language, refuses and says nothing of a picture beside.

    A refusal with a description after it ("I can't tell who that is, but a man in a red coat …") is none: the finding
    `refusal` tells the reviewer.
    """
    sentences = [each for each in _SENTENCE_ENDS.split(Reading(text, Around()).bare) if each.strip()]
    refusals = [_refuses(sentence) for sentence in sentences]
    return any(refusals) and all(
        refuses or _SORRY.search(sentence) or _talks(sentence)
        for sentence, refuses in zip(sentences, refusals, strict=True)
    )


def _refuses(sentence: str) -> bool:
    for book in map(phrasebook.for_language, sorted(phrasebook.languages())):
        if found := book.refusal.search(sentence):
            before, after = sentence[: found.start()], sentence[found.end() :]
            is_all = len(words(after)) <= _AFTER and not _AND_YET.search(after)
            return is_all and (len(words(before)) <= _BEFORE or bool(_SORRY.search(before)))
    return False


def _talks(sentence: str) -> bool:
    return any(phrasebook.for_language(code).talk.search(sentence) for code in phrasebook.languages())
