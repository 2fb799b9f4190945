"""The texts beside the one in the box: candidates, what came before, and what was approved for pictures like it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language_info
from django.utils.translation import gettext as _

from captions import memory
from captions.candidates import disputed, marked
from captions.languages import direction, same_language
from captions.models import CaptionVersion, Image, Post
from captions.models.image import AttachmentType
from captions.refusals import DecisionRefused

HISTORY_MOST = 50
# What an engine is told for the wishes that a button stands for; in English, as the prompts are.
WISHES = {
    "shorter": "Make it shorter: at most half as long.",
    "longer": "Say more about what can be seen.",
    "read": "Quote all text that can be read in the picture.",
}
MORE, CANDIDATES = "more", 2
IN_LANGUAGE = "in-"


@dataclass(frozen=True)
class Passage:
    """What a text says in one language, in pieces of which some are marked."""

    language: str
    pieces: Sequence[tuple[str, bool]]

    @property
    def direction(self) -> str:
        return direction(self.language)


@dataclass(frozen=True)
class Offered:
    """A text that could be used, in parts of which some are marked: the other drafts do not bear them out."""

    version: CaptionVersion
    parts: Sequence[tuple[str, bool]]
    origin: str
    in_use: bool  # in the box now

    @property
    def html(self) -> SafeString:
        return as_html(passages(self.version, self.parts))

    @property
    def languages(self) -> list[str]:
        """The codes of those that the text is in, as far as they are known."""
        found = (passage.language for passage in passages(self.version, self.parts))
        return [language for language in dict.fromkeys(found) if language]

    @property
    def when(self) -> datetime:
        return self.version.created_at


@dataclass(frozen=True)
class Lookalike:
    """The approved text of a picture that looks like this one."""

    image: Image
    version: CaptionVersion
    is_same_file: bool
    is_same_frame: bool  # the bytes of the poster frame are the same; the videos may differ

    @property
    def html(self) -> SafeString:
        return as_html(passages(self.version, [(self.version.text, False)]))


def passages(version: CaptionVersion, pieces: Sequence[tuple[str, bool]]) -> list[Passage]:
    """The text of `version`, which `pieces` are cut from, by languages; one passage where it is in one language.

    The texts of all pieces, in a row, are the text. An approved text is in the languages of the draft that it repeats.
    """
    starts = _starts(version)
    ends = [start for _language, start in starts[1:]] + [len(version.text)]
    return [Passage(language, _cut(pieces, start, end)) for (language, start), end in zip(starts, ends, strict=True)]


def as_html(passages: Sequence[Passage]) -> SafeString:
    """An element for each language where there are several, or where it runs from the right whatever it begins with.

    Nothing comes between: scripts take the text from here.
    """
    inside = [
        format_html_join(
            "", "{}", ((format_html("<mark>{}</mark>", piece) if marks else piece,) for piece, marks in each)
        )
        for each in (passage.pieces for passage in passages)
    ]
    if len(passages) == 1 and passages[0].direction == "ltr":
        return inside[0]
    named = ((passage.language, passage.direction, html) for passage, html in zip(passages, inside, strict=True))
    return format_html_join("", '<span class="passage" lang="{}" dir="{}">{}</span>', named)


def _starts(version: CaptionVersion) -> list[tuple[str, int]]:
    """The languages of the text, and where each begins."""
    draft = version.based_on
    parts = version.parts or (draft.parts if draft is not None and draft.text == version.text else [])
    starts, behind = [], 0
    for part in parts:
        found = version.text.find(part["text"], behind)
        if found < 0:  # somebody stored another text with them
            return [(version.language, 0)]
        starts.append((part["language"], found))
        behind = found + len(part["text"])
    return [(starts[0][0], 0), *starts[1:]] if starts else [(version.language, 0)]


def _cut(pieces: Sequence[tuple[str, bool]], start: int, end: int) -> list[tuple[str, bool]]:
    """What lies between the two places, in code points of all pieces in a row."""
    kept, place = [], 0
    for piece, is_marked in pieces:
        if inside := piece[max(0, start - place) : max(0, end - place)]:
            kept.append((inside, is_marked))
        place += len(piece)
    return kept


def texts_of(image: Image) -> list[CaptionVersion]:
    """The texts that the image had, with their authors, the latest first; HISTORY_MOST at most."""
    return list(image.versions.select_related("author", "based_on").order_by("-pk")[:HISTORY_MOST])


def latest(texts: Sequence[CaptionVersion], *kinds: str) -> CaptionVersion | None:
    """The first of these kinds; without any named, the first that is not merely offered beside the draft."""
    offered = CaptionVersion.Kind.CANDIDATE
    return next((one for one in texts if (one.kind in kinds if kinds else one.kind != offered)), None)


def candidates(texts: Sequence[CaptionVersion], shown: str) -> list[Offered]:
    """The draft and what was offered beside it, the draft first; empty where nothing was."""
    draft = latest(texts, CaptionVersion.Kind.GENERATED)
    since = draft.pk if draft else 0
    beside = [one for one in reversed(texts) if one.kind == CaptionVersion.Kind.CANDIDATE and one.pk > since]
    if not beside:
        return []
    versions = [*filter(None, [draft]), *beside]
    return [_offered(version, _compared(version, versions), shown) for version in versions]


def history(texts: Sequence[CaptionVersion], shown: str, leave_out: Iterable[Offered] = ()) -> list[Offered]:
    """Every text that the image ever had, the latest first, without those that are shown already."""
    left_out = {offered.version.pk for offered in leave_out}
    kept = [version for version in texts if version.text and version.pk not in left_out]
    return [_offered(version, [(version.text, False)], shown) for version in kept]


def has_new_draft(texts: Sequence[CaptionVersion]) -> bool:
    """Whether the latest draft came after another text of ours, so that both are worth a look."""
    passing = (CaptionVersion.Kind.CANDIDATE, CaptionVersion.Kind.ORIGINAL)
    kinds = [version.kind for version in texts if version.kind not in passing]
    return len(kinds) > 1 and kinds[0] == CaptionVersion.Kind.GENERATED


def lookalikes(image: Image) -> list[Lookalike]:
    """Suggestions: approved texts of the same account's pictures that look like this one, each with its version."""
    found = memory.similar(image)
    finals = CaptionVersion.objects.filter(
        image__in=[suggestion.image.pk for suggestion in found], kind=CaptionVersion.Kind.FINAL
    )
    by_image = {version.image_id: version for version in finals.select_related("based_on").order_by("pk")}
    return [_lookalike(image, one.image, by_image[one.image.pk]) for one in found if one.image.pk in by_image]


def _lookalike(image: Image, other: Image, version: CaptionVersion) -> Lookalike:
    is_same = bool(image.content_hash) and other.content_hash == image.content_hash
    are_images = image.attachment_type == other.attachment_type == AttachmentType.IMAGE
    return Lookalike(other, version, is_same_file=is_same and are_images, is_same_frame=is_same and not are_images)


def usable(image: Image, version_id: int) -> CaptionVersion | None:
    """The text of this number, if it may go into the box: of the image, or approved for its account and its readers."""
    version = CaptionVersion.objects.filter(pk=version_id).select_related("image__post").first()
    if version is None or version.image_id == image.pk:
        return version
    same_account = version.image.platform_connection_id == image.platform_connection_id
    may_be_seen = version.image.post.visibility in Post.no_narrower(image.post.visibility)
    return version if same_account and may_be_seen and version.kind == CaptionVersion.Kind.FINAL else None


def languages_to_ask_for(image: Image) -> list[tuple[str, str]]:
    """Those of the post and of the account that the text is not in: their codes and their names."""
    connection = image.platform_connection
    wanted = dict.fromkeys([image.post.language, connection.language if connection else ""])
    return [
        (code, get_language_info(code)["name_translated"])
        for code in wanted
        if code and not same_language(code, image.language) and _english_name(code)
    ]


def instruction_for(wish: str, typed: str) -> str:
    """What the engine is told: the wish that a button stands for, and what was typed beside it.

    Raises DecisionRefused for a wish that nothing stands for.
    """
    if wish in ("", MORE):
        return typed
    told = WISHES.get(wish, "")
    if wish.startswith(IN_LANGUAGE) and (name := _english_name(wish.removeprefix(IN_LANGUAGE))):
        told = f"Write it in {name}."
    if not told:
        raise DecisionRefused(_("No draft can be asked for that way."))
    return f"{told} {typed}".strip()


def origin(version: CaptionVersion) -> str:
    """Plainly, who or what wrote it."""
    if version.engine == memory.ENGINE:
        return _("This account's own approved text for the same picture. See whether it fits here, too.")
    if version.engine == "basic":
        return _(
            "Drafted by the embedded describer: it reads text and names colours, it does not see what a photo shows."
        )
    if version.engine:
        return _("Drafted by %(engine)s with the model %(model)s.") % {
            "engine": version.engine,
            "model": version.model or "?",
        }
    return ""


def _english_name(code: str) -> str:
    try:
        return str(get_language_info(code)["name"])
    except KeyError:
        return ""


def _compared(version: CaptionVersion, versions: Sequence[CaptionVersion]) -> Sequence[tuple[str, bool]]:
    """The text with what the others of its language do not bear out."""
    others = [one for one in versions if one is not version and same_language(one.language, version.language)]
    return marked(version.text, disputed(version.text, [one.text for one in others], version.language))


def _offered(version: CaptionVersion, parts: Sequence[tuple[str, bool]], shown: str) -> Offered:
    by = _("by %(name)s") % {"name": version.author} if version.author else origin(version)
    return Offered(version, parts, by, version.text == shown)
