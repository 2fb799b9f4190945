"""Checks on names: people are named with consent, and nothing is named that nobody knows of.

Only what a machine wrote is looked through for names from nowhere: a person knows whom and what they see. In languages
that begin every noun with a capital (German) only people are found, by common first names and by words before a name
(president, called); in Japanese by what is said to them (さん). In some further languages that write common nouns
small, names of two words are found. In Korean, Chinese, Arabic and other scripts without case names from nowhere are
not looked for, and no list of names is complete.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

from captions import phrasebook
from captions.checks.around import Reading, Term, units
from captions.checks.findings import Finding, finding
from captions.checks.people import mentions
from captions.languages import base, other_language

_WORD = re.compile(r"[^\W\d_]+(?:[’'\-][^\W\d_]+)*")
_SENTENCE_START = re.compile(r"(?:^|[.!?…:;¿¡\n(\[“„«\"‘•–—]|\b\d+[.)])\s*$")
_PARTICLES = frozenset({"de", "del", "da", "di", "du", "des", "la", "le", "van", "von", "der", "den", "y", "of", "al"})
_LONGEST_ACRONYM = 5
# Languages without a book that write common nouns small.
_SMALL_NOUNS = frozenset(
    {
        "it",
        "pt",
        "nl",
        "sv",
        "da",
        "no",
        "fi",
        "pl",
        "cs",
        "sk",
        "ru",
        "uk",
        "be",
        "bg",
        "hr",
        "sl",
        "ro",
        "ca",
        "gl",
        "el",
    }
)
_CALLED = frozenset(
    {"named", "called", "namens", "nommé", "nommée", "appelé", "appelée", "llamado", "llamada", "chiamato", "chiamata"}
    | {"chamado", "chamada", "genaamd"}
)
_LABELLED = re.compile(r"\s+(?:keys?|buttons?|tabs?|menus?|icons?|hats?|-?Taste|-?Knopf|-?Symbol)\b")


@dataclass(frozen=True)
class Name:
    """A run of words with capitals."""

    words: tuple[str, ...]
    start: int
    end: int
    begins_sentence: bool

    @property
    def text(self) -> str:
        return " ".join(self.words)


def on_names(reading: Reading) -> Iterator[Finding]:
    """People without consent, then other names; each place of the text once."""
    taken: list[tuple[int, int]] = []
    for match in _unconsented(reading):
        taken.append(match.span())
        yield finding(
            "person-without-consent",
            match.span(),
            _("%(name)s is in the glossary and has not agreed to be named.") % {"name": match.group()},
        )
    if not reading.is_machines or reading.is_basic or reading.is_shouted:
        return
    language = reading.around.language or "en"
    is_its_own = not other_language(reading.bare, language)
    fewest = 1 if reading.book.names else 2 if base(language) in _SMALL_NOUNS else 0
    for name in _names(reading):
        if any(name.start < end and start < name.end for start, end in taken) or _is_known(name, reading):
            continue
        said = {"name": name.text}
        if _is_person(name, reading):
            detail = _("“%(name)s” is named neither in the post nor in the glossary.") % said
            yield finding("person-without-consent", (name.start, name.end), detail)
        elif (
            fewest
            and is_its_own
            and len(name.words) >= max(fewest, 1 + name.begins_sentence)
            and not _is_label(name, reading)
        ):
            detail = _("“%(name)s” stands neither in the post nor in the picture.") % said
            yield finding("name-from-nowhere", (name.start, name.end), detail)


def _unconsented(reading: Reading) -> Iterator[re.Match[str]]:
    """People of the glossary who did not agree, where the post does not name them."""
    for person in unconsented(reading.around.glossary, reading.posted):
        yield from mentions(person, reading.bare)


def unconsented(glossary: Iterable[Term], posted: str) -> list[str]:
    """The names of those who did not agree to be named and whom the post (its words and tags) does not name."""
    people = (term.term for term in glossary if term.is_person and not term.has_consent)
    return [name for name in people if name.strip() and not _is_posted(name, posted)]


def _is_posted(name: str, posted: str) -> bool:
    tag = "".join(name.split()).casefold()
    return any(mentions(name, posted)) or tag in posted.casefold().split()


def _names(reading: Reading) -> Iterator[Name]:
    if base(reading.around.language or "en") == "ja":
        yield from _with_honorific(reading)
        return
    run: list[re.Match[str]] = []
    for match in _WORD.finditer(reading.bare):
        follows = bool(run) and not reading.bare[run[-1].end() : match.start()].strip(" ")
        if follows and (_is_capitalised(match.group()) or match.group() in _PARTICLES):
            run.append(match)
            continue
        yield from _name_of(run, reading)
        run = [match] if _is_capitalised(match.group()) else []
    yield from _name_of(run, reading)


def _name_of(run: list[re.Match[str]], reading: Reading) -> Iterator[Name]:
    """The run without the words around it that are no names."""
    begins = bool(run) and bool(_SENTENCE_START.search(reading.bare[: run[0].start()]))
    while run and (_is_no_name(run[0].group(), reading) or run[0].group() in _PARTICLES):
        run = run[1:]
        begins = False
    while run and (_is_no_name(run[-1].group(), reading) or run[-1].group() in _PARTICLES):
        run = run[:-1]
    if run:
        yield Name(tuple(each.group() for each in run), run[0].start(), run[-1].end(), begins)


def _with_honorific(reading: Reading) -> Iterator[Name]:
    for match in reading.book.honorific.finditer(reading.bare):
        name = match.group("name")
        if not any(name.endswith(word) for word in reading.book.not_names):
            yield Name((name,), match.start("name"), match.end("name"), begins_sentence=False)


def _is_capitalised(word: str) -> bool:
    first = re.split(r"[’'\-]", word)[0]
    if len(first) == 1 and word != first:
        word = re.split(r"[’'\-]", word, maxsplit=1)[1] if first.lower() in {"l", "d"} else "x"  # l'Italie; T-shirt
    return word[0].isupper() and not (word.isupper() and len(word) <= _LONGEST_ACRONYM)


def _is_no_name(word: str, reading: Reading) -> bool:
    plain = re.sub(r"^[ldLD][’']|[’']s$", "", word).casefold()
    if plain in phrasebook.first_names():
        return False
    return plain in reading.book.not_names or plain.rstrip("s") in reading.book.not_names or len(plain) == 1


def _is_known(name: Name, reading: Reading) -> bool:
    """Whether all its words stand in the post, the picture, the glossary or what the reviewer asked for."""
    known = reading.given | reading.seen
    spoken = [re.sub(r"^[ld][’']|[’']s$|[’']$", "", word.casefold()) for word in name.words]
    return all(
        word in _PARTICLES or all(unit in known or unit.removesuffix("s") in known for unit in units(word))
        for word in spoken
    )


def _is_person(name: Name, reading: Reading) -> bool:
    if base(reading.around.language or "en") == "ja":
        return True
    if name.words[0].casefold() in phrasebook.first_names():
        return len(name.words) == 1 or name.words[1] not in _PARTICLES or len(name.words) > 2
    before = _WORD.findall(reading.bare[: name.start])
    return bool(before) and before[-1].casefold() in reading.book.titles | _CALLED


def _is_label(name: Name, reading: Reading) -> bool:
    """One word that says which key or button: the Enter key."""
    return len(name.words) == 1 and bool(_LABELLED.match(reading.bare, name.end))
