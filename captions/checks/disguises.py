"""Words that were hidden from people's eyes, or from simple searches, made plain again for comparison.

A model reads what a person does not see: tag characters, look-alike letters, Base64. Whether it obeyed them is found by
comparing its answer with what they say.
"""

import base64
import binascii
import codecs
import re
import unicodedata

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_TAGS = re.compile("[\U000e0020-\U000e007e]+")
_TAG_OFFSET = 0xE0000  # a tag character is its ASCII character, this much higher
_BASE64 = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}")
_MIXED = re.compile(r"[^\W\d_]+")
# Cyrillic and Greek letters that look like Latin ones.
_LOOK_ALIKES = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425"
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a7\u03bf",
    "aeopcyxijsABEKMHOPCTXABEZHIKMNOPTXo",
)
_LATIN = re.compile("[A-Za-z]")


def unveiled(text: str) -> str:
    """`text` as a model may read it, with what it may decode in it on further lines."""
    plain = _TAGS.sub(lambda tags: " " + "".join(chr(ord(tag) - _TAG_OFFSET) for tag in tags.group()), text)
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", plain))
    plain = _MIXED.sub(_without_look_alikes, plain)
    return "\n".join([plain, *_decoded(plain)])


def _without_look_alikes(word: re.Match[str]) -> str:
    """A word that mixes Latin letters with others is Latin."""
    return word.group().translate(_LOOK_ALIKES) if _LATIN.search(word.group()) else word.group()


def _decoded(text: str) -> list[str]:
    found = [codecs.encode(text, "rot13")] if "rot13" in text.casefold() else []
    for match in _BASE64.finditer(text):
        try:
            found.append(base64.b64decode(match.group() + "=" * (-len(match.group()) % 4)).decode())
        except (binascii.Error, ValueError):  # a word like others, or other data
            continue
    return found
