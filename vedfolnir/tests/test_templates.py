"""What holds for every template of ours, whoever wrote it: translated words, nothing that a strict CSP forbids."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APPS = ("vedfolnir", "accounts", "platforms", "captions", "processing")
TEMPLATES = sorted(path for app in APPS for path in (ROOT / app).glob("**/templates/**/*.html"))

COMMENT = re.compile(r"\{#.*?#\}|\{% comment %\}.*?\{% endcomment %\}|<!--.*?-->", re.DOTALL)
TRANSLATED = re.compile(r"\{% blocktranslate\b.*?\{% endblocktranslate %\}", re.DOTALL)
TEMPLATE_CODE = re.compile(r"\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
TAG = re.compile(r"<[^>]*>", re.DOTALL)
WORDS = re.compile(r"[^\W\d_]{2,}")
SPOKEN_ATTRIBUTE = re.compile(r"\b(?:aria-label|alt|title|placeholder|label)=\"([^\"]*)\"")
CALLED_THAT = {"Vedfolnir", "UTC"}  # names and signs: they are the same in every language
KEYS = re.compile(r"<kbd>.*?</kbd>")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def untranslated(html: str) -> set[str]:
    """Words in `html` that a reader would see and a translator would not."""
    html = TEMPLATE_CODE.sub("", TRANSLATED.sub("", COMMENT.sub("", KEYS.sub("", html))))
    spoken = " ".join(SPOKEN_ATTRIBUTE.findall(html))
    return set(WORDS.findall(f"{TAG.sub(' ', html)} {spoken}")) - CALLED_THAT


def test_untranslated_words_are_found() -> None:
    assert untranslated('<p title="Hello">{{ name }} and {% translate "so on" %}</p>') == {"Hello", "and"}


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_every_word_is_there_to_be_translated(path: Path) -> None:
    assert untranslated(path.read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_no_template_needs_what_a_strict_csp_forbids(path: Path) -> None:
    html = COMMENT.sub("", path.read_text(encoding="utf-8"))
    assert not re.search(r"\sstyle=|<style\b|\son[a-z]+=|javascript:|\|safe\b|\bautoescape off\b", html)
    for script in re.findall(r"<script\b[^>]*>", html):
        assert "src=" in script or "nonce=" in script, script
