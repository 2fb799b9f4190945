"""CIDEr-D: how much a text has in common with several references, word sequences that are common everywhere apart.

Vedantam, Lawrence Zitnick, Parikh: "CIDEr: Consensus-based Image Description Evaluation" (2015), with the penalties on
length and repetition of its variant D. It ranks captioners on one set of pictures; between sets it says nothing, and of
usefulness to a reader it says little: a regression figure. Texts of words are scored as published; where a script does
not set words apart, each of its characters counts as a word, as is done for Chinese.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from captions.checks.around import units

LONGEST = 4  # words in a sequence
SIGMA = 6.0  # of the penalty on a difference in length, in words
SCALE = 10.0  # as published

Gram = tuple[str, ...]


@dataclass(frozen=True)
class _Vector:
    weights: list[dict[Gram, float]]  # by length of the sequence, from 1
    norms: list[float]
    length: int  # in pairs of words, as the published code counts


def cider(texts: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    """The score of each text against its own references, 0 to 10; rare sequences weigh more, by all references given.

    Raises ValueError if the lengths differ or a text has no reference.
    """
    if len(texts) != len(references) or any(not each for each in references):
        raise ValueError("Every text needs at least one reference.")
    counted = [[_grams(one) for one in each] for each in references]
    documents = Counter(gram for each in counted for gram in {gram for one in each for gram in one})
    # One set alone tells nothing about rarity: the published code takes log(1) then, and every score is 0.
    total = math.log(len(references))
    return [
        _score(_vector(_grams(text), documents, total), [_vector(one, documents, total) for one in own])
        for text, own in zip(texts, counted, strict=True)
    ]


def _grams(text: str) -> Counter[Gram]:
    spoken = units(text)
    return Counter(
        tuple(spoken[start : start + size]) for size in range(1, LONGEST + 1) for start in range(len(spoken) - size + 1)
    )


def _vector(grams: Counter[Gram], documents: Counter[Gram], total: float) -> _Vector:
    weights: list[dict[Gram, float]] = [{} for _ in range(LONGEST)]
    for gram, count in grams.items():
        weights[len(gram) - 1][gram] = count * (total - math.log(max(1.0, documents[gram])))
    norms = [math.sqrt(sum(value**2 for value in each.values())) for each in weights]
    return _Vector(weights, norms, sum(count for gram, count in grams.items() if len(gram) == 2))


def _score(text: _Vector, references: Sequence[_Vector]) -> float:
    scores = [_similarity(text, one) for one in references]
    return SCALE * sum(scores) / len(scores)


def _similarity(text: _Vector, reference: _Vector) -> float:
    penalty = math.exp(-((text.length - reference.length) ** 2) / (2 * SIGMA**2))
    total = 0.0
    for own, own_norm, other, other_norm in zip(
        text.weights, text.norms, reference.weights, reference.norms, strict=True
    ):
        if own_norm and other_norm:
            shared = sum(min(value, other.get(gram, 0.0)) * other.get(gram, 0.0) for gram, value in own.items())
            total += shared / (own_norm * other_norm) * penalty
    return total / LONGEST
