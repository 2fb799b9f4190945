from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from platforms.document import platforms_document


class Command(BaseCommand):
    help = (
        "Write docs/platforms.md from what the clients say of each server family (for developers). "
        "With --check, only say whether it is up to date."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if the page is stale")
        parser.add_argument(
            "--output",
            type=Path,
            default=settings.BASE_DIR / "docs" / "platforms.md",
            help="the page (docs/platforms.md)",
        )

    def handle(self, *args: Any, check: bool, output: Path, **options: Any) -> None:
        wanted = platforms_document()
        current = output.read_text(encoding="utf-8") if output.is_file() else ""
        if check and wanted != current:
            raise CommandError(f"{output} is out of date. Run: python manage.py document_platforms")
        if not check:
            output.write_text(wanted, encoding="utf-8")
        self.stdout.write(f"{output} is up to date.")
