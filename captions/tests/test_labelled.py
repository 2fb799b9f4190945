"""The checks against texts that people labelled. The floors are a little below what was measured when they were set."""

import pytest

from captions.checks import FINDINGS
from captions.checks.measuring import ALL, HALVES, labelled_texts, measure, table

LANGUAGES = ("de", "en", "es", "fr", "ja")


@pytest.mark.parametrize(
    ("half", "precision", "recall"),
    [("tuned", 0.97, 0.92), ("held_out", 0.95, 0.95), ("strangers", 0.95, 0.8)],
)
def test_findings_are_found_where_they_are_and_nowhere_else(half: str, precision: float, recall: float) -> None:
    measured = measure(labelled_texts(half))
    print("\n".join([f"{half}: {measured.texts} texts, {measured.clean} of {measured.good} good ones clean"]))  # noqa: T201
    print("\n".join(table(measured)))  # noqa: T201
    for labelled, found in measured.mistakes:
        print(f"{labelled.language}: {labelled.text!r}: labelled {set(labelled.codes)}, found {set(found)}")  # noqa: T201
    for language in (ALL, *LANGUAGES):
        count = measured.counts[language, ALL]
        assert (count.precision or 0) >= precision, language
        assert (count.recall or 0) >= recall, language


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_are_forty_texts_in_each_language(language: str) -> None:
    texts = [labelled for half in HALVES for labelled in labelled_texts(half) if labelled.language == language]
    assert len(texts) >= 40
    assert len([each for each in labelled_texts("strangers") if each.language == language]) >= 10
    assert len([labelled for labelled in texts if not labelled.codes]) >= 10


def test_every_label_is_a_finding() -> None:
    labels = {code for half in HALVES for labelled in labelled_texts(half) for code in labelled.codes}
    assert labels <= set(FINDINGS)
