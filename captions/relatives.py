"""Telling closely related languages apart, where a text is surely in one of them.

A detector that knows how often letters stand together takes short texts in one for the other. Letters that a language
does not have at all, and small words that only one of two has, are surer: a few of them decide, and without them
nothing is said. Letters are of the languages' alphabets; words are
articles, prepositions and conjunctions.
"""

import re
from collections import Counter

# Letters that no word of the language is written with, though those of its relatives are.
_FOREIGN_LETTERS = {
    "ru": "іїєґўјљњћђџѓќѕ",
    "uk": "ыэъёўјљњћђџѓќѕ",
    "be": "ищъїєґјљњћђџѓќѕ",
    "bg": "ыэёіїєґўјљњћђџѓќѕ",
    "mk": "ъьюящйыэёіїєґўћђ",
    "sr": "ъьюящйыэёіїєґўѓќѕ",
    "ar": "پچژگٹڈڑںےھہ",
    "fa": "ةٹڈڑںےھہ",
    "ur": "ةيىك",
}
_SMALL_WORDS = {
    language: frozenset(words.split())
    for language, words in {
        "en": "the a an of and with on in at is are to its their behind beside from",
        "es": "el los las un una unos y o con de del en se por su sus al que detrás junto",
        "pt": "o os as um uma uns e ou com de do da dos das no na nos nas em ao à pelo pela se por seu sua que atrás",
        "gl": "o os as un unha e ou con de do da dos das no na nos nas en ao á polo pola se por seu súa que detrás",
        "ca": "el els les un una i o amb de del dels en al als es per seu seva que darrere",
        "da": "og en et på med af til der er som den det ved for efter hen og",
        "no": "og en et på med av til det er som den ved for etter bak",
        "sv": "och i en ett på med av till det är som den vid för efter bakom",
        "cs": "a v na se s ze je ve před za u nebo kteří která který jsou",
        "sk": "a v na sa s zo je vo pred za pri alebo ktorí ktorá ktorý sú",
        "hr": "i u na se s sa je iza kraj koji koja su od do",
        "sl": "in v na se s z je za pri ki so od do",
        "az": "və bir ilə üçün bu olan",
        "tr": "ve bir ile için bu olan",
        "hi": "है हैं में के की का और पर से एक हुए",
        "mr": "आहे आहेत आणि एक मध्ये वर चा ची चे",
        "ne": "छ छन् मा र को हरू एक छेउमा",
    }.items()
}
_FEWEST_LETTERS = 3
_FEWEST_WORDS = 3
_TIMES = 4  # as many words of the one as of the other
_WORD = re.compile(r"[^\W\d_]+(?:[\u0900-\u0903\u093a-\u094f]+[^\W\d_]*)*")


def surely_not(text: str, wanted: str, found: str) -> bool:
    """Whether `text`, which a detector takes for `found`, cannot be in `wanted`. Both are codes without a region."""
    letters = Counter(text.lower())
    foreign, own = (_FOREIGN_LETTERS.get(code, "") for code in (wanted, found))
    if sum(letters[letter] for letter in foreign) >= _FEWEST_LETTERS and foreign and own:
        return True
    small, others = _SMALL_WORDS.get(found, frozenset()), _SMALL_WORDS.get(wanted, frozenset())
    if not small or not others:
        return False
    counted = Counter(_WORD.findall(text.lower()))
    hits, against = (sum(counted[word] for word in words) for words in (small - others, others - small))
    return hits >= _FEWEST_WORDS and hits >= _TIMES * against


def surely_english(text: str) -> bool:
    """Whether a text is English by its small words: what models fall back to."""
    counted = Counter(_WORD.findall(text.lower()))
    return sum(counted[word] for word in _SMALL_WORDS["en"]) >= _FEWEST_WORDS + 1
