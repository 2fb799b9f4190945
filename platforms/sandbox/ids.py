"""Ids in the shape that each family gives them, made from the store's integers and read back.

Every id of the store holds milliseconds since 1970 in its upper bits and a counter in the lower 16.
"""

import hashlib
import re

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # https://github.com/ulid/spec
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"  # Pleroma's flake_id
CASE_TWIN = 26  # from a capital letter of BASE62 to the same small one
WORKER = 0x5EDF01  # which Pleroma node made an id
BIGGEST = 1 << 63  # what SQLite holds


class Ids:
    """Decimal numbers, as Mastodon's. `kind` is account, status, media or poll."""

    def encode(self, kind: str, pk: int) -> str:
        """The id that clients see."""
        return str(pk)

    def decode(self, kind: str, text: str) -> int | None:
        """The store's id, None for what this family never gives out."""
        return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


class Ulids(Ids):
    """GoToSocial: 26 characters, of which the first ten are the time."""

    def encode(self, kind: str, pk: int) -> str:
        """Time, counter, and 64 bits that look random."""
        return _digits(pk << 64 | int(_digest(kind, pk)[:16], 16), CROCKFORD, 26)

    def decode(self, kind: str, text: str) -> int | None:
        """None also for an id that differs by its case, or belongs to another kind of thing."""
        if not re.fullmatch(f"[0-7][{CROCKFORD}]{{25}}", text):
            return None
        pk = _number(text, CROCKFORD) >> 64
        return pk if pk < BIGGEST and self.encode(kind, pk) == text else None


class FlakeIds(Ids):
    """Pleroma: 18 characters of 62, so upper and lower case matter. Attachments and polls have numbers."""

    def encode(self, kind: str, pk: int) -> str:
        """Time, node, counter."""
        if kind in ("media", "poll"):
            return str(pk)
        return _digits((pk >> 16) << 64 | WORKER << 16 | (pk & 0xFFFF), BASE62, 18)

    def decode(self, kind: str, text: str) -> int | None:
        """See `encode`."""
        if kind in ("media", "poll"):
            return super().decode(kind, text)
        if not re.fullmatch(r"[0-9A-Za-z]{18}", text):
            return None
        number = _number(text, BASE62)
        pk = number >> 64 << 16 | (number & 0xFFFF)
        return pk if pk < BIGGEST and self.encode(kind, pk) == text else None

    def has_case_twin(self, kind: str, pk: int) -> bool:
        """Whether `pk + CASE_TWIN` has the same id but for the case of one letter."""
        here, there = self.encode(kind, pk), self.encode(kind, pk + CASE_TWIN)
        return here != there and here.lower() == there.lower()


class Digests(Ids):
    """snac: 32 hexadecimal digits. What comes before them in a status id is a time that nobody reads."""

    def encode(self, kind: str, pk: int) -> str:
        """Half of the digits is the number, the other half looks like the digest that it is."""
        digest = _digest(kind, pk)[:16]
        return f"{pk ^ int(_digest(kind, 0)[:15], 16):016x}{digest}"

    def decode(self, kind: str, text: str) -> int | None:
        """Takes a status id with the time before it, and the address of a posted picture with its number behind."""
        if kind == "media" and (posted := re.search(r"_([0-9]{1,18})$", text)):
            return int(posted.group(1))
        found = re.search(r"(?:^|/)\d{10}([0-9a-f]{32})$|(?:^|/)([0-9a-f]{32})(?:\.\w+)?$", text)
        digits = (found.group(1) or found.group(2)) if found else ""
        if not digits:
            return None
        pk = int(digits[:16], 16) ^ int(_digest(kind, 0)[:15], 16)
        return pk if pk < BIGGEST and self.encode(kind, pk) == digits else None


def _digest(kind: str, pk: int) -> str:
    return hashlib.sha256(f"{kind}:{pk}".encode()).hexdigest()


def _digits(number: int, alphabet: str, length: int) -> str:
    text = ""
    for _ in range(length):
        number, digit = divmod(number, len(alphabet))
        text = alphabet[digit] + text
    return text


def _number(text: str, alphabet: str) -> int:
    number = 0
    for character in text:
        number = number * len(alphabet) + alphabet.index(character)
    return number
