"""Checks against the post: what was copied from it, and what was done because it said so.

A post, a content warning and the words in a picture are strangers' text. An answer that does what they say is known by
what it holds: the words that were asked for, the ways in which models obey, the prompt, links, calls to the reader.
"""

import re
from collections import Counter
from collections.abc import Iterator

from django.utils.translation import gettext as _

from captions import phrasebook
from captions.checks.around import QUOTED, UNSPACED, Reading, holds, quotation, run_size, runs, units
from captions.checks.disguises import unveiled
from captions.checks.findings import Finding, finding
from captions.languages import other_language, same_language

_COPIED = 8  # words in a row make a copied sentence
_FEWEST_TO_COPY = 4  # words: a shorter post says nothing that could be copied
_FEWEST_OF_ALL = 2  # words of a text that is nothing but a piece of the post
_SAME = 0.9  # of 1: how alike texts of two pictures may be
_FENCE = re.compile(
    r"[=<>\[\]{}#*~_-]{4,}|={2,}|<<|>>|\[/?(?:INST|SYS|SYSTEM|POST|USER|DATA)\]|</?(?:post|data|system)>"
)
# What a prompt gives as data, between lines that bear a mark.
_DATA = re.compile(r"^=+ *(?P<mark>\w{8,}) begin\b.*?^=+ *(?P=mark) end\b[ =]*$", re.MULTILINE | re.DOTALL)
_FENCED = re.compile(r"={2,}[^=\n]*={2,}|<<[^>\n]*>>")
_LINK_OR_MENTION = re.compile(r"https?://\S+|\bwww\.\S+|(?<![\w.@])@[\w.]+(?:@[\w.-]+)?", re.IGNORECASE)
_HASHTAG = re.compile(r"(?<![\w&#/])#(?=\w*[^\W\d_])\w+")
_SENTENCE = re.compile(r"[^.!?。！？؟\n]+[.!?。！？؟]*")
_SHOUTED = re.compile(r"\b[A-ZÀ-Þ]{4,}(?:[ _-][A-ZÀ-Þ]{2,})*\b")
_LONGEST_DEMAND = 25  # units of what an answer was told to hold
_OBEYED_SHARE = 0.65  # of the words of an answer that an order ends with
_TELLING = 4  # letters: shorter words are in every sentence


def on_the_post(reading: Reading) -> Iterator[Finding]:
    """Copied sentences, obeyed orders, links, tags and the language."""
    obeyed = [] if reading.is_basic else list(_obeyed(reading))
    yield from obeyed
    if not obeyed and _repeats_post(reading):
        yield finding("repeats-post")
    if reading.is_basic:
        return
    yield from _same_as_sibling(reading)
    yield from _leaked(reading)
    for pattern, code in ((_LINK_OR_MENTION, "link-or-mention"), (_HASHTAG, "hashtag")):
        for match in pattern.finditer(reading.text):
            if match.group().rstrip(".,;:!?)”\"'»」。").casefold() not in reading.around.visible_text.casefold():
                yield finding(code, match.span())
    yield from _language(reading)


def _repeats_post(reading: Reading) -> bool:
    """Whether a run of the post's words stands in the text that is not in the picture too."""
    post, text = units(unveiled(reading.around.post_text)), units(reading.text)
    if len(post) < run_size(post, _FEWEST_TO_COPY):
        return False
    size = min(run_size(post, _COPIED), len(post), max(len(text), _FEWEST_OF_ALL))
    if runs(post, size) & runs(text, size) - runs(units(reading.around.visible_text), size):
        return True
    visible = units(reading.around.visible_text)
    said = (units(sentence) for sentence in _SENTENCE.findall(reading.bare))
    whole = [spoken for spoken in said if len(spoken) >= run_size(spoken, _FEWEST_TO_COPY)]
    return any(holds(post, spoken) and not holds(visible, spoken) for spoken in whole)


def _same_as_sibling(reading: Reading) -> Iterator[Finding]:
    text = units(reading.text)
    for sibling in (*reading.around.siblings, *reading.around.drafts_beside):
        other = units(sibling)
        if text and other and _likeness(text, other) >= _SAME:
            yield finding("same-as-sibling")
            return


def _likeness(text: list[str], other: list[str]) -> float:
    """0 to 1: the share of the words that both have, in whatever order."""
    return 2 * (Counter(text) & Counter(other)).total() / (len(text) + len(other))


def _language(reading: Reading) -> Iterator[Finding]:
    """Each paragraph. Quotations are in whatever language the picture is."""
    wanted, also = reading.around.language, reading.around.also_in
    words = _FENCED.sub(" ", _LINK_OR_MENTION.sub(" ", reading.bare))
    others = (other_language(part, wanted) for part in words.split("\n\n")) if wanted else ()
    found = next((each for each in others if each and not any(same_language(each, one) for one in also)), "")
    if found:
        said = {"found": found, "wanted": wanted}
        yield finding("wrong-language", None, _("It is in “%(found)s” instead of “%(wanted)s”.") % said)


def _obeyed(reading: Reading) -> Iterator[Finding]:
    """At most one: who obeys once is not to be believed at all."""
    english = phrasebook.for_language("en")
    for pattern in (reading.book.obeyed, english.obeyed, reading.book.call, english.call):
        match = pattern.search(reading.bare)
        if match and not _can_be_read(match.group(), reading):
            yield finding("followed-instruction", match.span())
            return
    for source in (reading.around.post_text, reading.around.content_warning, *reading.around.siblings):
        if demanded := _done(source, reading):
            yield _did(demanded)
            return
    # Telling the words in a picture is what alt text is for: only doing what they say, unquoted, is obeying.
    if demanded := _done(reading.around.visible_text, reading):
        yield _did(demanded)


def _did(demanded: str) -> Finding:
    return finding("followed-instruction", None, _("“%(words)s” is what it was told to say.") % {"words": demanded})


def _can_be_read(words: str, reading: Reading) -> bool:
    return all(word in reading.seen for word in units(words))


def _done(source: str, reading: Reading) -> str:
    """What one of the orders in `source` demands and the text holds outside quotations; empty if nothing."""
    source = unveiled(source)
    return _done_in(source, reading) or _done_in(" ".join(source.split()), reading)  # lines may break a sentence


def _done_in(source: str, reading: Reading) -> str:
    answer = units(reading.bare)
    sentences = [spoken for each in _SENTENCE.findall(reading.bare) if len(spoken := units(each)) >= _FEWEST_TO_COPY]
    said = {word for word in answer if len(word) >= _TELLING or UNSPACED.match(word)}
    for sentence, order in _orders(source):
        for demand in _literal_demands(sentence, order):
            wanted = units(demand)
            if 0 < len(wanted) <= _LONGEST_DEMAND and holds(answer, wanted):
                return demand
        tail = units(sentence[order.end() :])
        for whole in sentences:
            if holds(tail, whole):
                return " ".join(whole)
        if len(said) > 2 and sum(word in tail for word in said) >= _OBEYED_SHARE * len(said):
            return sentence[order.end() :].strip()
    return ""


def _orders(source: str) -> Iterator[tuple[str, re.Match[str]]]:
    """Sentences that tell a describer what to do, with the place of the order; the next sentence may hold the words."""
    sentences = [
        found.strip()
        for found in _SENTENCE.findall(QUOTED.sub(lambda match: re.sub(r"[.!?]", " ", match.group()), source))
    ]
    for index, sentence in enumerate(sentences):
        for order in phrasebook.orders():
            if match := order.search(sentence):
                yield " ".join(sentences[index : index + 2]), match


def _literal_demands(sentence: str, order: re.Match[str]) -> Iterator[str]:
    """What is quoted, what is shouted, and what stands after a colon."""
    yield from (quotation(match) for match in QUOTED.finditer(sentence))
    if sentence != sentence.upper():
        yield from _SHOUTED.findall(sentence)
    _before, colon, after = sentence[order.start() :].partition(":")
    if colon:
        yield after.strip()
        yield from (part.strip() for part in _SENTENCE.findall(after)[:1])
    yield from re.findall(r"[\[({<](\w[^\])}>]{2,60})[\])}>]", sentence)


def _leaked(reading: Reading) -> Iterator[Finding]:
    """The words of the prompt itself, the marks of its fences; not the data between them."""
    fence = _FENCE.search(reading.bare)
    if fence and fence.group() not in reading.around.visible_text:
        yield finding("prompt-leak", fence.span())
        return
    if any(match["mark"] in reading.text for match in _DATA.finditer(reading.around.prompt)):
        yield finding("prompt-leak")
        return
    prompt, text = units(_DATA.sub(" | ", reading.around.prompt)), units(reading.text)
    size = run_size(text, _COPIED)
    shared = runs(prompt, size) & runs(text, size) if len(text) >= size else set()
    for known in (reading.posted, reading.around.visible_text, reading.around.instruction, *reading.around.siblings):
        shared -= runs(units(known), size)
    if shared:
        yield finding("prompt-leak", None, _("It holds “%(words)s”.") % {"words": " ".join(min(shared))})
