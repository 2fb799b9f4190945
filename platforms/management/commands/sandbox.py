"""`manage.py sandbox`: the practice instance."""

import ipaddress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from platforms.sandbox import families, samples, store
from platforms.sandbox.database import Database, WrongVersion
from platforms.sandbox.server import serve
from vedfolnir.lib.arguments import port_or_any


class Command(BaseCommand):
    """Serve, seed, reset; or print a token."""

    help = (
        "Run a small Mastodon-like instance of our own, with sample posts to practise on. Nothing that happens there "
        "reaches anybody else, and it keeps its state from one start to the next. Open the address that it prints to "
        "see the posts and their alt texts; Ctrl-C ends it. With --like it behaves as another kind of server does, "
        "with the ways in which that kind loses or changes what an edit sends."
    )
    requires_system_checks: tuple[str, ...] = ()
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        """Options."""
        parser.add_argument("--host", default="127.0.0.1", help="Address to listen on (127.0.0.1).")
        parser.add_argument(
            "--port", type=port_or_any, default=8400, help="Port to listen on (8400); 0 takes a free one."
        )
        parser.add_argument(
            "--database",
            type=Path,
            default=settings.DATA_DIR / "sandbox.sqlite3",
            help="File that holds the posts (var/sandbox.sqlite3); it is made when missing.",
        )
        parser.add_argument(
            "--like",
            choices=list(families.FAMILIES),
            help="Kind of server to be (mastodon). A file stays what it was made as; --reset can change it.",
        )
        parser.add_argument(
            "--like-version",
            metavar="VERSION",
            help="Version of that software, such as 4.0.2 for mastodon or 2.75 for snac; the usual one if not given.",
        )
        parser.add_argument(
            "--public",
            action="store_true",
            help="Allow a --host that other machines can reach (never needed to try it).",
        )
        parser.add_argument(
            "--token", action="store_true", help="Print a new access token for the account demo, and exit."
        )
        parser.add_argument(
            "--reset",
            action="store_true",
            help="Forget every edit and upload, put the sample posts back, and exit. Tokens stay valid.",
        )
        parser.add_argument(
            "--connected", action="store_true", help="Do not tell how to connect it (serve --demo has done that)."
        )
        parser.add_argument("--no-input", action="store_false", dest="interactive", help="Do not ask before --reset.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do one of the three things."""
        database: Path = options["database"]
        try:
            like, version = options["like"], options["like_version"]
            if options["reset"]:
                self._reset(database, like, version, ask=options["interactive"])
                return
            families.choose(database, like, version)
            samples.seed(database)
        except (OSError, WrongVersion) as error:
            raise CommandError(f"Cannot use {database}: {error}") from error
        except ValueError as error:
            raise CommandError(str(error)) from error

        if options["token"]:
            self.stdout.write(store.issue_token(database, samples.DEMO))
        else:
            self._serve(database, **{name: options[name] for name in ("host", "port", "public", "connected")})

    def _reset(self, database: Path, like: str | None, version: str | None, *, ask: bool) -> None:
        if ask and input(f"Forget everything in {database} but the tokens? [y/N] ").strip().lower() not in ("y", "yes"):
            raise CommandError("Nothing was changed.")
        families.choose(database, like, version, again=True)
        Database(database).wipe()
        samples.seed(database)
        self.stdout.write("The sample posts are back as they were.")

    def _serve(self, database: Path, *, host: str, port: int, public: bool, connected: bool) -> None:
        if not is_loopback(host):
            if not public:
                raise CommandError(
                    f"Other machines could reach {host}. Use 127.0.0.1, or add --public if that is what you want."
                )
            self.stderr.write(f"Warning: whoever can reach {host}:{port} sees the sample posts, without a password.")

        def ready(url: str) -> None:
            family = families.opened(database)
            self.stdout.write(f"The sandbox runs. Its public page: {url}/@{samples.DEMO}")
            self.stdout.write(f"It behaves like {family.name} {family.version}.")
            if not connected:
                self.stdout.write(
                    f"To connect it to Vedfolnir: add the instance {url} under Connections, with the token that\n"
                    "`manage.py sandbox --token` prints. Ctrl-C ends the sandbox; its posts stay."
                )
            self.stdout.flush()

        try:
            serve(database, host, port, ready=ready)
        except OSError as error:
            raise CommandError(f"Cannot listen on {host}:{port}: {error.strerror}. Try another --port.") from error
        self.stdout.write("The sandbox has stopped.")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
