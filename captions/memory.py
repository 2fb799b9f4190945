"""What an account has approved for its pictures before: found again by the same bytes, or by how a picture looks.

A text is remembered from its approval until that is taken back, and only for its own connection. The same bytes bring
the text up as a draft, which a person still reviews; a picture that looks alike only brings it up as a suggestion.

Two perceptual hashes that differ in at most NEAR bits agree, in one of their four parts of 16 bits, in all but one bit:
so 17 values of each part are looked up by its index, and nothing else is read.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from captions.languages import same_language
from captions.models import Fingerprint, Image

ENGINE = "memory"  # what a recalled text is recorded as drafted by
# Measured (captions/tests/test_memory.py): pictures that were scaled, compressed or brightened keep within 5 bits, and
# different ones of a kind are rarely nearer than 10. 7 is also the most that 17 values of each part find for certain.
NEAR = 7
BITS, BANDS = 64, ("band_0", "band_1", "band_2", "band_3")
BAND_BITS = BITS // len(BANDS)
NO_BAND = 1 << BAND_BITS  # outside of what is looked up: the hash says nothing about the picture
READ_MOST = 1000  # rows of one band: pictures that share a part of their looks, such as the head of a page
LOADED_MOST = 20  # of the nearest
DECIDED = (Image.Status.APPROVED, Image.Status.POSTED)


@dataclass(frozen=True)
class Recalled:
    """The account's own approved text for the same bytes."""

    text: str
    language: str
    category: str
    image_id: int  # that it was approved for


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


def recall(image: Image, *, content_hash: str = "", language: str = "") -> Recalled | None:
    """The newest text that was approved for the same bytes by the same connection, in the wanted language.

    `content_hash` and `language` are those of the image and of its post unless given. A text of unknown language, or
    for a picture of unknown language, counts as in the wanted one; one in another language is only suggested.
    """
    content_hash = content_hash or image.content_hash
    if not content_hash or image.platform_connection_id is None:
        return None
    wanted = language or image.post.language or image.language
    same = Fingerprint.objects.filter(platform_connection=image.platform_connection_id, content_hash=content_hash)
    for other in _with_text(same.exclude(image=image.pk).order_by("-pk").values_list("pk", flat=True)[:LOADED_MOST]):
        if same_language(wanted, other.language):
            return Recalled(other.final_caption or "", other.language, other.image_category or "", other.pk)
    return None


def similar(image: Image, most: int = 3) -> list[Suggestion]:
    """Approved texts of pictures of the same connection that look like this one, the nearest first.

    Each text once. The same bytes count as 0 bits apart, in whatever language their text is.
    """
    if image.platform_connection_id is None:
        return []
    distances = {**_near(image), **_same(image)}
    nearest = sorted(distances, key=lambda pk: (distances[pk], -pk))[:LOADED_MOST]
    ids = {fingerprint: distances[fingerprint] for fingerprint in nearest}
    found: dict[str, Suggestion] = {}
    for other in _with_text(nearest):
        if other.pk == image.pk:
            continue
        suggestion = Suggestion(other, ids[other.fingerprint.pk])
        found.setdefault(suggestion.text, suggestion)
    return list(found.values())[:most]


def bands(perceptual_hash: str) -> tuple[int, ...]:
    """The four parts of a hash, by which it is found; NO_BAND where it says nothing about the picture."""
    if not says_something(perceptual_hash):
        return (NO_BAND,) * len(BANDS)
    digits = BAND_BITS // 4
    return tuple(int(perceptual_hash[start : start + digits], 16) for start in range(0, BITS // 4, digits))


def says_something(perceptual_hash: str) -> bool:
    """Whether the hash is evidence: not one that is as near to that of a blank picture as a duplicate may be."""
    if len(perceptual_hash) != BITS // 4:
        return False
    return NEAR < int(perceptual_hash, 16).bit_count() < BITS - NEAR


def distance(one: str, other: str) -> int:
    """The bits in which two perceptual hashes differ."""
    return (int(one, 16) ^ int(other, 16)).bit_count()


def probes(band: int) -> list[int]:
    """The band and all that differ from it in one bit."""
    return [band, *(band ^ (1 << bit) for bit in range(BAND_BITS))]


def _near(image: Image) -> dict[int, int]:
    """Fingerprints within NEAR bits, with their distance: four reads of an index each of READ_MOST rows at most."""
    looks = image.perceptual_hash
    if not says_something(looks):
        return {}
    ours = Fingerprint.objects.filter(platform_connection=image.platform_connection_id)
    found: dict[int, int] = {}
    for name, band in zip(BANDS, bands(looks), strict=True):
        rows = ours.filter(**{f"{name}__in": probes(band)}).values_list("pk", "perceptual_hash")
        found |= {pk: bits for pk, other in rows[:READ_MOST] if (bits := distance(looks, other)) <= NEAR}
    return found


def _same(image: Image) -> dict[int, int]:
    if not image.content_hash:
        return {}
    same = Fingerprint.objects.filter(
        platform_connection=image.platform_connection_id, content_hash=image.content_hash
    ).exclude(image=image.pk)
    return dict.fromkeys(same.order_by("-pk").values_list("pk", flat=True)[:LOADED_MOST], 0)


def _with_text(fingerprints: Sequence[int]) -> Iterator[Image]:
    """The images behind these fingerprints, in this order, that still have their approved text."""
    order = list(fingerprints)
    images = Image.objects.filter(fingerprint__in=order, status__in=DECIDED).select_related("fingerprint", "post")
    by_fingerprint = {image.fingerprint.pk: image for image in images if image.final_caption}
    return (by_fingerprint[pk] for pk in order if pk in by_fingerprint)
