"""Several drafts of one picture: what they do not agree on is what a person should look at.

Pure: texts in, places in them out. Words are compared without their endings, numbers and colours as such; scripts that
put no spaces between words are compared by pairs of characters.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache, lru_cache

Span = tuple[int, int]  # code points, from the first to behind the last

# Of each text; more than alt text is anywhere. What stands behind is for the person to compare.
MARKED_MOST, READ_MOST = 1500, 5000
SHORT = 3  # letters of words that mostly join others, beside those of JOINING
SHORT_DENSE, SHORT_HANGUL = 2, 1
STEM, ENDING = 4, 3  # letters that related words share at least, and may differ in at the end
DENSE_STEM, DENSE_ENDING = 2, 2  # the same in scripts that say more with a letter
# Scripts without spaces between words, as the first and the last of their code points.
UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x3005, 0x30FF),  # Japanese syllables
    (0x3400, 0x9FFF),  # Han
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)
HANGUL = ((0xAC00, 0xD7AF),)
DENSE = (*HANGUL, (0x0590, 0x06FF))  # and Hebrew and Arabic, which leave out vowels

# From one to twelve, so that "2 boats" agrees with "two boats".
NUMBERS = {
    "en": "one two three four five six seven eight nine ten eleven twelve",
    "de": "ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf",
    "fr": "un deux trois quatre cinq six sept huit neuf dix onze douze",
    "es": "uno dos tres cuatro cinco seis siete ocho nueve diez once doce",
    "it": "uno due tre quattro cinque sei sette otto nove dieci undici dodici",
    "pt": "um dois três quatro cinco seis sete oito nove dez onze doze",
    "nl": "een twee drie vier vijf zes zeven acht negen tien elf twaalf",
    "sv": "en två tre fyra fem sex sju åtta nio tio elva tolv",
    "pl": "jeden dwa trzy cztery pięć sześć siedem osiem dziewięć dziesięć jedenaście dwanaście",
    "ru": "один два три четыре пять шесть семь восемь девять десять одиннадцать двенадцать",
}
# The forms of "one" are articles in many languages: nobody disagrees about those.
ARTICLES = frozenset({"1"})
# As stems: what begins with one of them, and goes on for an ending at most, is that colour.
COLOURS = {
    "en": "red blue green yellow orange purple violet pink brown black white grey gray golden silver turquoise beige",
    "de": "rot blau grün gelb orange lila violett rosa braun schwarz weiß grau golden silbern türkis beige",
    "fr": "rouge bleu vert jaune orange violet rose marron brun noir blanc gris doré argenté turquoise beige",
    "es": "roj azul verde amarill naranja morad violeta rosa marrón negr blanc gris dorad platead turquesa beige",
    "it": "ross blu azzurr verd giall aranci viola rosa marron ner bianc grig dorat argent turchese beige",
    "pt": "vermelh azul verd amarel laranja rox violeta rosa marrom castanh pret branc cinz dourad pratead turquesa",
    "nl": "rood rode blauw groen gele geel oranje paars roze bruin zwart wit grijs gouden zilveren turkoois beige",
    "sv": "röd blå grön gul orange lila violett rosa brun svart vit grå gyllene silver turkos beige",
    "pl": "czerwon niebiesk zielon żółt pomarańczow fioletow różow brązow czarn biał szar złot srebrn turkusow",
    "ru": "красн син голуб зелен зелён жёлт желт оранжев фиолетов розов коричнев чёрн черн бел сер золот серебр",  # noqa: RUF001
}
# Words of more than SHORT letters that say nothing of their own.
JOINING = {
    "en": "with from that this these those they them their there which while where into onto over under above below "
    "beside next near behind before between through across along around some several other another both each very "
    "also have been being shows showing shown seen what whose",
    "de": "eine einer eines einem einen dies diese dieser dieses diesem neben unter über hinter zwischen durch gegen "
    "sowie auch noch sind wird werden haben hinten vorne davor dahinter darauf darunter zeigt sehen einige mehrere",
    "fr": "avec dans pour sous entre vers chez cette leur leurs elle elles sont être ainsi derrière devant depuis "
    "quelques plusieurs autre autres dont montre",
    "es": "para sobre entre desde hasta hacia este esta estos estas unos unas otro otra otros otras está están junto "
    "también detrás delante varios varias muestra",
    "it": "della delle degli dello nella nelle negli nello sulla sulle sullo dalla dalle dallo alla alle allo sono "
    "questa questo accanto dietro davanti sopra sotto mostra",
    "pt": "para sobre entre desde este esta estes estas outro outra outros outras está estão junto também atrás mostra",
    "nl": "deze over onder naast achter tussen door voor naar zijn wordt worden heeft enkele andere",
}


class Weight(Enum):
    """What a word counts for."""

    NONE = auto()  # joins others
    PLAIN = auto()  # disputed where no other text has it
    EXACT = auto()  # a number, a colour or a name: disputed where any other text lacks it


@dataclass(frozen=True)
class Piece:
    """A word, or a run of characters of a script without spaces."""

    span: Span
    key: str  # what is compared
    weight: Weight
    is_unspaced: bool = False


@dataclass(frozen=True)
class Words:
    """A text as it is compared: its pieces, and by what they are found."""

    pieces: Sequence[Piece]
    alike: Mapping[str, Sequence[Piece]]  # each word once, by the letters that all its forms begin with
    pairs: frozenset[str]  # characters, and pairs of them, of scripts without spaces


def disagreement(texts: Sequence[str], language: str = "") -> list[list[Span]]:
    """For each of the texts, all in `language`, the places that the others do not bear out."""
    return [
        disputed(text, [other for at, other in enumerate(texts) if at != number], language)
        for number, text in enumerate(texts)
    ]


def disputed(text: str, others: Sequence[str], language: str = "") -> list[Span]:
    """The places in the text that the others, all in `language`, do not bear out; none behind the first MARKED_MOST.

    A word is one if none of the others has it in any form, a number, a colour or a name if one of the others lacks it.
    Without others there is nothing to disagree about.
    """
    read = [_words(other[:READ_MOST], language) for other in others]
    pieces = (piece for piece in _words(text[:READ_MOST], language).pieces if piece.span[1] <= MARKED_MOST)
    return _joined(text, _disputed(pieces, read))


def marked(text: str, spans: Iterable[Span]) -> list[tuple[str, bool]]:
    """The text in parts, each with whether it is one of the `spans`."""
    parts, end = list[tuple[str, bool]](), 0
    for start, stop in spans:
        parts += [(text[end:start], False), (text[start:stop], True)]
        end = stop
    return [part for part in [*parts, (text[end:], False)] if part[0]]


def _disputed(pieces: Iterable[Piece], others: Sequence[Words]) -> Iterator[Span]:
    if not others:
        return
    known = dict[str, Sequence[bool]]()  # who bears out a word
    for piece in pieces:
        if piece.is_unspaced:
            yield from _disputed_characters(piece, [other.pairs for other in others])
        elif piece.weight is not Weight.NONE:
            if piece.key not in known:
                known[piece.key] = [_has(other, piece) for other in others]
            if not (all if piece.weight is Weight.EXACT else any)(known[piece.key]):
                yield piece.span


def _has(words: Words, piece: Piece) -> bool:
    return any(_agree(piece, one) for one in words.alike.get(_beginning(piece.key), ()))


def _beginning(key: str) -> str:
    """What all forms of a word share: `_agree` asks for no less."""
    return key[: (DENSE_STEM if _within(key[0], DENSE) else STEM) - 1]


@lru_cache(maxsize=64)
def _words(text: str, language: str) -> Words:
    pieces = tuple(_pieces(text, language))
    alike = dict[str, list[Piece]]()
    for piece in {piece.key: piece for piece in pieces if not piece.is_unspaced}.values():
        alike.setdefault(_beginning(piece.key), []).append(piece)
    return Words(pieces, alike, frozenset(_pairs(pieces)))


def _disputed_characters(run: Piece, others: Sequence[frozenset[str]]) -> Iterator[Span]:
    """The characters of which no pair with a neighbour is anywhere in the others."""
    text, start = run.key, run.span[0]
    for index in range(len(text)):
        around = {text[max(0, index - 1) : index + 1], text[index : index + 2]} - {text[index]} or {text[index]}
        if not any(around & other for other in others):
            yield start + index, start + index + 1


def _pairs(pieces: Iterable[Piece]) -> set[str]:
    runs = [piece.key for piece in pieces if piece.is_unspaced]
    return {run[index : index + size] for run in runs for size in (1, 2) for index in range(len(run) - size + 1)}


def _agree(one: Piece, other: Piece) -> bool:
    """Whether two words are one in different forms; of what must be exact, the same."""
    if one.key == other.key:
        return True
    if one.key.isdecimal() or other.key.isdecimal() or one.key.startswith("colour "):
        return False
    dense = _within(one.key[0], DENSE)
    stem, ending = (DENSE_STEM, DENSE_ENDING) if dense else (STEM, ENDING)
    shared = next((at for at, pair in enumerate(zip(one.key, other.key, strict=False)) if pair[0] != pair[1]), None)
    short, long = sorted((len(one.key), len(other.key)))
    if shared is None:  # the longer one goes on where the shorter one ends: "dog", "dogs"
        return short >= stem - 1 and long - short <= ending
    return shared >= stem and long - shared <= ending


def _pieces(text: str, language: str) -> Iterator[Piece]:
    begins = True  # a sentence
    for start, end, unspaced in _runs(text):
        word = text[start:end]
        if unspaced:
            yield Piece((start, end), word, Weight.PLAIN, is_unspaced=True)
        else:
            key = _key(word, language)
            yield Piece((start, end), key, _weight(word, key, language, begins=begins))
        begins = text[end : end + 1] in {".", "!", "?", "\n", ":", "…"}


def _runs(text: str) -> Iterator[tuple[int, int, bool]]:
    """Letters, digits and marks that stand together; where a script without spaces begins or ends, the run does too."""
    start, kind = 0, ""
    for index, character in enumerate(f"{text} "):
        now = "" if unicodedata.category(character)[0] not in "LMN" else "u" if _within(character, UNSPACED) else "w"
        if now == "w" and kind == "u" and unicodedata.category(character)[0] == "M":
            now = kind
        if now != kind:
            if kind:
                yield start, index, kind == "u"
            start, kind = index, now


def _key(word: str, language: str) -> str:
    key = unicodedata.normalize("NFKC", word).casefold()
    primary = _primary(language)
    if key in (numbers := _numbers(primary)):
        return numbers[key]
    colour = next((stem for stem in _colours(primary) if key.startswith(stem) and len(key) - len(stem) <= ENDING), "")
    return f"colour {colour}" if colour else key.removeprefix("ال")


def _weight(word: str, key: str, language: str, *, begins: bool) -> Weight:
    if key in ARTICLES and not word.isdecimal():
        return Weight.NONE
    is_name = word[0].isupper() and not begins and len(word) > 1
    if any(character.isdecimal() for character in key) or key.startswith("colour ") or is_name:
        return Weight.EXACT
    short = SHORT_HANGUL if _within(key[0], HANGUL) else SHORT_DENSE if _within(key[0], DENSE) else SHORT
    joins = len(key) <= short or key in _joining(_primary(language))
    return Weight.NONE if joins else Weight.PLAIN


def _primary(language: str) -> str:
    return language.lower().partition("-")[0]


@cache
def _joining(language: str) -> frozenset[str]:
    return frozenset(JOINING.get(language, "").split())


@cache
def _numbers(language: str) -> dict[str, str]:
    return {word: str(number) for number, word in enumerate(NUMBERS.get(language, "").casefold().split(), start=1)}


@cache
def _colours(language: str) -> tuple[str, ...]:
    return tuple(COLOURS.get(language, "").casefold().split())


def _within(character: str, ranges: Sequence[Span]) -> bool:
    return any(first <= ord(character) <= last for first, last in ranges)


def _joined(text: str, spans: Iterable[Span]) -> list[Span]:
    """Places with nothing but a space between them are one."""
    joined = list[Span]()
    for start, end in spans:
        if joined and not text[joined[-1][1] : start].strip():
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined
