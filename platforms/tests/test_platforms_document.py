"""The page of the server families says what the clients do, because it is made of the same data."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import translation

from platforms.clients.families import FAMILIES
from platforms.document import number, platforms_document


def test_the_page_of_the_families_is_up_to_date() -> None:
    call_command("document_platforms", check=True, stdout=StringIO())


def test_a_stale_page_is_refused_and_written_anew(tmp_path: Path) -> None:
    page = tmp_path / "platforms.md"
    page.write_text("# Server families\n", encoding="utf-8")
    with pytest.raises(CommandError, match="out of date"):
        call_command("document_platforms", check=True, output=page)
    call_command("document_platforms", output=page, stdout=StringIO())
    call_command("document_platforms", check=True, output=page, stdout=StringIO())


def test_every_family_is_on_the_page_with_the_version_from_which_it_is_written_to() -> None:
    page = platforms_document()
    for family in FAMILIES.values():
        for writing in family.profile.writings:
            since = f"{number(writing.since)} and newer" if writing.since else "older"
            assert f"{family.profile.title} {since}" in page or f"{family.profile.title}, {since}" in page


def test_the_page_is_the_same_in_every_language() -> None:
    with translation.override("de"):
        german = platforms_document()
    assert german == platforms_document()
