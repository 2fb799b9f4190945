"""What is known around a text when it is checked."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from captions import phrasebook
from captions.kinds import Kind
from vedfolnir.lib.text import words

UNSPACED = re.compile("[\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
QUOTED = re.compile(
    '“([^”“]{2,})[”“]|„([^“”„]{2,})[“”]|«([^»]{2,})»|»([^«]{2,})«|‹([^›]{2,})›|"([^"]{2,})"|「([^」]{2,})」'
    "|『([^』]{2,})』|(?<!\\w)‘([^‘]{2,}?)’(?!\\w)|《([^》]{2,})》"
)

_SHOUTED = 12  # letters: fewer are an acronym


@dataclass(frozen=True)
class Term:
    """A name of the account's glossary. A person has agreed to be named, or not."""

    term: str
    instead_of: str = ""  # what not to call it
    is_person: bool = False
    has_consent: bool = False


@dataclass(frozen=True)
class Around:
    """What is known around a text. What is not known stays as it is here, and is not held against the text."""

    limit: int | None = None  # of the server, in code points
    language: str | None = None  # that the text is to be in
    also_in: tuple[str, ...] = ()  # languages that paragraphs of it may be in, too
    post_text: str = ""
    content_warning: str = ""
    tags: tuple[str, ...] = ()  # without "#"
    siblings: tuple[str, ...] = ()  # what readers hear of the post's other pictures
    drafts_beside: tuple[str, ...] = ()  # the texts of the others that nobody approved
    visible_text: str = ""  # what was read in the picture, a line each
    unreadable: tuple[str, ...] = ()  # scripts that are in the picture and that nobody could read
    codes: tuple[str, ...] = ()  # what its QR and bar codes say
    colours: tuple[str, ...] = ()  # English names, the commonest first
    kind: str = ""  # captions.kinds.Kind
    proposed_decorative: bool = False
    glossary: tuple[Term, ...] = ()
    avoid: tuple[str, ...] = ()  # words and phrases that the style guide does not want
    wanted_length: int | None = None  # of the style guide, in code points
    instruction: str = ""  # a reviewer's, for this draft
    prompt: str = ""  # as it was sent
    engine: str | None = None  # what wrote the text; None: a person
    is_kept: bool = True  # whether the server keeps the text as it is written, its length aside

    @property
    def posted(self) -> str:
        """The words of the post itself: its text, content warning and tags."""
        return " ".join((self.post_text, self.content_warning, *map(_spaced_out, self.tags)))


@dataclass(frozen=True)
class Reading:
    """A text that is being checked, with the views of it that several checks share."""

    text: str
    around: Around
    book: phrasebook.Phrasebook = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "book", phrasebook.for_language(self.around.language or "en"))

    @property
    def is_machines(self) -> bool:
        return self.around.engine is not None

    @property
    def is_basic(self) -> bool:
        """Whether the embedded describer wrote it, which quotes what it read and is cautious by trade."""
        return (self.around.engine or "").startswith("basic")

    @cached_property
    def bare(self) -> str:
        """The text with its quotations blanked out; positions stay."""
        return QUOTED.sub(lambda match: " " * len(match.group()), self.text)

    @cached_property
    def given(self) -> frozenset[str]:
        """The words of the post, its other texts, the glossary and a reviewer's instruction."""
        around = self.around
        terms = (each.term for each in around.glossary if not each.is_person or each.has_consent)
        return frozenset(units(" ".join((self.posted, around.instruction, *around.siblings, *terms))))

    @cached_property
    def posted(self) -> str:
        return self.around.posted

    @cached_property
    def seen(self) -> frozenset[str]:
        """The words that were read in the picture."""
        return frozenset(units(" ".join((self.around.visible_text, *self.around.codes))))

    @cached_property
    def is_shouted(self) -> bool:
        """Whether all letters outside quotations are capitals."""
        letters = [character for character in self.bare if character.isupper() or character.islower()]
        return len(letters) >= _SHOUTED and all(letter.isupper() for letter in letters)

    @property
    def kind(self) -> str:
        return self.around.kind if self.around.kind in Kind.values else ""


def units(text: str) -> list[str]:
    """The words for comparison, as `words`; of scripts that do not set words apart, each character for itself."""
    found: list[str] = []
    for word in words(text):
        found += _split(word) if UNSPACED.search(word) else [word]
    return found


def quotation(match: re.Match[str]) -> str:
    """What stands between the quotation marks that QUOTED found."""
    return next(group for group in match.groups() if group)


def runs(spoken: list[str], size: int) -> set[tuple[str, ...]]:
    """All that `size` units in a row say."""
    return {tuple(spoken[start : start + size]) for start in range(len(spoken) - size + 1)}


def holds(spoken: Sequence[str], part: Sequence[str]) -> bool:
    """Whether `part` stands in `spoken`, in a row."""
    return f" {' '.join(part)} " in f" {' '.join(spoken)} "


def run_size(spoken: Iterable[str], ordinary: int) -> int:
    """How many units make a run that is no accident: twice as many where each is a character."""
    each = list(spoken)
    unspaced = sum(len(unit) == 1 and bool(UNSPACED.match(unit)) for unit in each)
    return ordinary * 2 if unspaced > len(each) / 2 else ordinary


def _split(word: str) -> list[str]:
    return re.findall(rf"{UNSPACED.pattern}|(?:(?!{UNSPACED.pattern}).)+", word)


def _spaced_out(tag: str) -> str:
    """The words of a hashtag: "AnnaJansen" is Anna and Jansen, too."""
    return f"{tag} " + re.sub(r"(?<=[a-zß-ÿ])(?=[A-ZÀ-Þ])", " ", tag)
