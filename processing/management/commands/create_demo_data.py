"""`manage.py create_demo_data`: what a first try needs."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from platforms.fields import CredentialUnreadable
from platforms.sandbox.database import WrongVersion
from processing import demo
from vedfolnir.lib.outbound import OutboundRefused


class Command(BaseCommand):
    help = (
        "Make the accounts admin and reviewer, with passwords that are printed once, and connect the running sandbox "
        "(manage.py sandbox) for the reviewer. Run again, it makes what is missing and changes nothing else."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--sandbox-url",
            default="http://127.0.0.1:8400",
            metavar="URL",
            help="Where the sandbox answers (http://127.0.0.1:8400). OUTBOUND_ALLOW must name it: 127.0.0.1:8400.",
        )
        parser.add_argument(
            "--sandbox-database",
            type=Path,
            default=settings.DATA_DIR / "sandbox.sqlite3",
            metavar="FILE",
            help="The sandbox's file (var/sandbox.sqlite3); a token for its account demo is put in there.",
        )
        parser.add_argument("--dry-run", action="store_true", help="Say what would be made, make nothing.")

    def handle(self, *args: Any, sandbox_url: str, sandbox_database: Path, dry_run: bool, **options: Any) -> None:
        try:
            if dry_run:
                self._plan(sandbox_url, sandbox_database)
            else:
                self._tell(demo.prepare_demo(sandbox_url=sandbox_url, sandbox_database=sandbox_database), sandbox_url)
        except (OutboundRefused, CredentialUnreadable) as error:
            raise CommandError(str(error)) from error
        except (OSError, WrongVersion) as error:
            raise CommandError(f"Cannot use {sandbox_database}: {error}") from error

    def _plan(self, sandbox_url: str, sandbox_database: Path) -> None:
        missing = dict(demo.missing_people())
        for name, _role in demo.PEOPLE:
            self.stdout.write(f"Would make the account {name}." if name in missing else f"Would keep {name}.")
        connected = demo.working_connection(sandbox_url, sandbox_database)
        self.stdout.write(f"Would {'keep the connection to' if connected else 'connect'} {sandbox_url}.")

    def _tell(self, result: demo.DemoResult, sandbox_url: str) -> None:
        for name, password in result.passwords.items():
            self.stdout.write(self.style.SUCCESS(f"{name:<10} password: {password}   (shown this once)"))
        for name in result.kept:
            self.stdout.write(f"{name:<10} kept, with the password that it has")
        if result.connection is None:
            raise CommandError(
                f"The sandbox at {sandbox_url} is not connected: {result.problem} It must run (manage.py sandbox), and "
                "OUTBOUND_ALLOW must name its host and port. Then run this again; the accounts above are made already."
            )
        state = "connected" if result.connected_now else "kept"
        self.stdout.write(f"{result.connection.address} as {result.connection.name!r}: {state}")
