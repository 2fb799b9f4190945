from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command


def test_the_schema_page_is_up_to_date() -> None:
    call_command("document_schema", check=True, stdout=StringIO())


def test_a_stale_page_is_refused_and_written_anew(tmp_path: Path) -> None:
    page = tmp_path / "schema.md"
    page.write_text("# Schema\n", encoding="utf-8")
    with pytest.raises(CommandError, match="out of date"):
        call_command("document_schema", check=True, output=page)
    call_command("document_schema", output=page, stdout=StringIO())
    call_command("document_schema", check=True, output=page, stdout=StringIO())
    assert "| `password_hash` | varchar(256) |" in page.read_text(encoding="utf-8")
