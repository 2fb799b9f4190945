"""What an account has approved for its pictures before: found again by the same bytes, or by how a picture looks.

A text is remembered from its approval until that is taken back, and only for its own connection. It is brought up for
posts that no more people see than the one that it was approved for. The same bytes bring the text up as a draft, which
a person still reviews; a picture that looks alike only brings it up as a suggestion. The poster frame of a video is not
the video: two that share it only suggest. Pictures whose words differ are not alike, whatever they look like: a
template, a screenshot or a chart has the same looks with every text.

Two perceptual hashes that differ in at most NEAR bits agree, in one of their four parts of 16 bits, in all but one bit:
so 17 values of each part are looked up by its index, and nothing else is read.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.db import connection

from captions.candidates import UNSPACED
from captions.kinds import READ_GIST, READ_WHOLE
from captions.languages import same_language
from captions.models import CaptionVersion, Fingerprint, Image, Post
from captions.models.image import AttachmentType

ENGINE = "memory"  # what a recalled text is recorded as drafted by
# Measured (processing/tests/test_looks.py): pictures that were scaled, compressed or brightened keep within 5 bits, and
# different ones of a kind are rarely nearer than 10. 7 is also the most that 17 values of each part find for certain.
NEAR = 7
BITS, BANDS = 64, ("band_0", "band_1", "band_2", "band_3")
BAND_BITS = BITS // len(BANDS)
_HASH = re.compile(f"[0-9a-f]{{{BITS // 4}}}")
NO_BAND = 1 << BAND_BITS  # outside of what is looked up: the hash says nothing about the picture
READ_MOST = 1000  # rows of one band: pictures that share a part of their looks, such as the head of a page
LOADED_MOST = 20  # of the nearest
FULL_OF_WORDS = READ_WHOLE | READ_GIST
_WORD = re.compile(r"[^\W_]+")
DECIDED = (Image.Status.APPROVED, Image.Status.POSTED)


@dataclass(frozen=True)
class Recalled:
    """The account's own approved text for the same bytes."""

    text: str
    language: str
    category: str
    image_id: int  # that it was approved for
    parts: Sequence[dict[str, str]] = ()  # {"language", "text"}, if in several languages


@dataclass(frozen=True)
class Suggestion:
    """The approved text of another picture of the account."""

    image: Image
    distance: int  # bits in which the two look different; 0 to NEAR

    @property
    def text(self) -> str:
        return self.image.final_caption or ""


def remember(image: Image) -> None:
    """Find the text of this image, which was just approved, from now on. Inside the transaction that approves it."""
    forget([image.pk])
    if image.content_hash and image.platform_connection_id is not None:
        Fingerprint.objects.create(
            image=image,
            platform_connection_id=image.platform_connection_id,
            content_hash=image.content_hash,
            perceptual_hash=image.perceptual_hash,
            **dict(zip(BANDS, bands(image.perceptual_hash), strict=True)),
        )


def forget(image_ids: Iterable[int]) -> None:
    """The texts of these images are not approved any more."""
    Fingerprint.objects.filter(image__in=list(image_ids)).delete()


def recall(image: Image, *, content_hash: str = "", languages: Sequence[str] = ()) -> Recalled | None:
    """The newest text that was approved for the same bytes by the same connection, in all of the wanted languages.

    `content_hash` and `languages` are those of the image and of its post unless given. A text of unknown language, or
    for a picture of unknown language, counts as in the wanted one; one in other languages is only suggested.
    """
    content_hash = content_hash or image.content_hash
    if not content_hash or image.platform_connection_id is None or image.attachment_type != AttachmentType.IMAGE:
        return None
    wanted = languages or [image.post.language or image.language]
    same = Image.objects.filter(
        fingerprint__platform_connection=image.platform_connection_id,
        fingerprint__content_hash=content_hash,
        attachment_type=AttachmentType.IMAGE,
        status__in=DECIDED,
        post__visibility__in=Post.no_narrower(image.post.visibility),
    )
    newest = same.exclude(pk=image.pk).order_by("-fingerprint__pk").only("final_caption", "language", "image_category")
    found = [other for other in newest[:LOADED_MOST] if other.final_caption]
    parts = _parts_of(found)
    for other in found:
        own = parts.get(other.pk, [])
        if _are_the_same([part["language"] for part in own] or [other.language], wanted):
            return Recalled(other.final_caption or "", other.language, other.image_category or "", other.pk, own)
    return None


def parts_in(text: str, draft: CaptionVersion | None) -> list[dict[str, str]]:
    """The languages of an approved text that was made of a draft in several, each with its part; else nothing.

    Whoever corrected the parts left them in their order, with an empty line between; with fewer of them, one is gone.
    """
    if draft is None or not draft.parts:
        return []
    if text == draft.text:
        return list(draft.parts)
    parts = text.split("\n\n", len(draft.parts) - 1)
    if len(parts) < len(draft.parts):
        return []
    pairs = zip(draft.parts, parts, strict=True)
    return [{"language": part["language"], "text": own.strip()} for part, own in pairs]


def _parts_of(images: Sequence[Image]) -> dict[int, list[dict[str, str]]]:
    finals = CaptionVersion.objects.filter(image__in=[one.pk for one in images], kind=CaptionVersion.Kind.FINAL)
    return dict(finals.order_by("pk").values_list("image", "parts")) if images else {}


def _are_the_same(languages: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether each of the languages is wanted, and each of the wanted is there."""

    def within(some: Sequence[str], others: Sequence[str]) -> bool:
        return all(any(same_language(one, other) for other in others) for one in some)

    return within(languages, wanted) and within(wanted, languages)


def similar(image: Image, most: int = 3) -> list[Suggestion]:
    """Approved texts of pictures of the same connection that look like this one, the nearest first.

    Each text once. The same bytes count as 0 bits apart, in whatever language their text is.
    """
    if image.platform_connection_id is None:
        return []
    distances = _distances(image)
    nearest = sorted(distances, key=lambda pk: (distances[pk], -pk))[:LOADED_MOST]
    found: dict[str, Suggestion] = {}
    for pk, other in _with_text(nearest, image.post):
        if other.pk != image.pk and (_same_bytes(image, other) or _say_the_same(image, other)):
            found.setdefault(other.final_caption or "", Suggestion(other, distances[pk]))
    return list(found.values())[:most]


def _same_bytes(one: Image, other: Image) -> bool:
    return bool(one.content_hash) and one.content_hash == other.content_hash


def _say_the_same(one: Image, other: Image) -> bool:
    """Whether at least half of the words that were read in the two are the same.

    Where words were read in one only that is no evidence, but for pictures that are there for their words.
    """
    words, others = _words(one.visible_text), _words(other.visible_text)
    if words and others:
        return 2 * len(words & others) >= max(len(words), len(others))
    return not FULL_OF_WORDS & {one.image_category, other.image_category}


def _words(text: str) -> set[str]:
    """Those of a text; the pairs of characters where a script puts no spaces between words."""
    found = set[str]()
    for word in _WORD.findall(unicodedata.normalize("NFKC", text).casefold()):
        is_unspaced = any(first <= ord(letter) <= last for letter in word for first, last in UNSPACED)
        found |= {word[at : at + 2] for at in range(max(1, len(word) - 1))} if is_unspaced else {word}
    return found


def bands(perceptual_hash: str) -> tuple[int, ...]:
    """The four parts of a hash, by which it is found; NO_BAND where it says nothing about the picture."""
    if not says_something(perceptual_hash):
        return (NO_BAND,) * len(BANDS)
    digits = BAND_BITS // 4
    return tuple(int(perceptual_hash[start : start + digits], 16) for start in range(0, BITS // 4, digits))


def says_something(perceptual_hash: str) -> bool:
    """Whether the hash is evidence: not one that is as near to that of a blank picture as a duplicate may be."""
    if not _HASH.fullmatch(perceptual_hash):
        return False
    return NEAR < int(perceptual_hash, 16).bit_count() < BITS - NEAR


def distance(one: str, other: str) -> int:
    """The bits in which two perceptual hashes differ."""
    return (int(one, 16) ^ int(other, 16)).bit_count()


def probes(band: int) -> list[int]:
    """The band and all that differ from it in one bit."""
    return [band, *(band ^ (1 << bit) for bit in range(BAND_BITS))]


def _distances(image: Image) -> dict[int, int]:
    """Fingerprints of the same bytes or within NEAR bits, with their distance.

    One statement, of short walks along an index each: what it reads is in the indexes, and no more than READ_MOST rows
    of one. Not by the ORM, which on SQLite refuses limits inside a union.
    """
    looks, account = image.perceptual_hash, image.platform_connection_id
    walks, values = list[str](), list[int | str | None]()
    if image.content_hash:
        walks.append(_walk("content_hash = %s ORDER BY id DESC", LOADED_MOST, digest="''"))
        values += [account, image.content_hash]
    if says_something(looks):
        for name, band in zip(BANDS, bands(looks), strict=True):
            wanted = probes(band)
            walks.append(_walk(f"{name} IN ({', '.join(['%s'] * len(wanted))})", READ_MOST))
            values += [account, *wanted]
    if not walks:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(walks), values)
        found = {pk: distance(looks, other) if other else 0 for pk, other in reversed(cursor.fetchall())}
    return {pk: bits for pk, bits in found.items() if bits <= NEAR}


def _walk(where: str, most: int, digest: str = "perceptual_hash") -> str:
    return (
        f"SELECT * FROM (SELECT id, {digest} AS looks FROM image_fingerprints "  # noqa: S608  (nothing of a user's)
        f"WHERE platform_connection_id = %s AND {where} LIMIT {most}) walk"
    )


def _with_text(fingerprints: Sequence[int], post: Post) -> Iterator[tuple[int, Image]]:
    """These fingerprints, in this order, with their images as far as their approved text is there, and for `post`."""
    shown = (
        "image__final_caption",
        "image__language",
        "image__local_path",
        "image__content_hash",
        "image__attachment_type",
        "image__image_category",
        "image__visible_text",
        "image__post__sensitive",
    )
    seen_by = Post.no_narrower(post.visibility)
    found = Fingerprint.objects.filter(
        pk__in=fingerprints, image__status__in=DECIDED, image__post__visibility__in=seen_by
    )
    images = {one.pk: one.image for one in found.select_related("image__post").only(*shown) if one.image.final_caption}
    return ((pk, images[pk]) for pk in fingerprints if pk in images)
