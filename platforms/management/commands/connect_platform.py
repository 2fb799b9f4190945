"""`manage.py connect_platform`: connect an account without a browser."""

import codecs
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.views.decorators.debug import sensitive_variables

from accounts.models import User
from platforms import actions
from platforms.clients.base import Capabilities, Instance
from platforms.speaking import capabilities_for

LONGEST_TOKEN = 4096  # characters; a longer file is not a token


class Command(BaseCommand):
    """Check the token with the server, then store it encrypted."""

    help = (
        "Connect an account on a Mastodon-API server to a user of this installation. The token is checked with the "
        "server first and stored encrypted; the same account once more gets the new token. docs/platforms.md says "
        "which permissions it needs: that depends on the server's software and its version (Mastodon: read:accounts, "
        "read:statuses and write:statuses)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user", required=True, help="User name of the owner in this installation.")
        parser.add_argument("--name", required=True, help="What the connection is called here.")
        parser.add_argument("--instance", required=True, metavar="URL", help="The server, such as mastodon.example.")
        parser.add_argument(
            "--token-file",
            required=True,
            metavar="FILE",
            help="File that holds the access token and nothing else; - reads it from standard input.",
        )
        parser.add_argument("--dry-run", action="store_true", help="Check everything with the server, store nothing.")

    @sensitive_variables("token")
    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.by_login(options["user"])
        if user is None:
            raise CommandError(f"There is no user {options['user']!r}. Check the name in /admin/ or create the user.")
        token = _read_token(options["token_file"])
        wish = {"name": options["name"], "instance_url": options["instance"], "token": token}
        try:
            plan = actions.plan_connection(user, **wish) if options["dry_run"] else None
            connection = None if options["dry_run"] else actions.connect(user, **wish)
        except actions.ConnectRefused as refused:
            raise CommandError(refused.reason) from refused
        if plan is not None:
            self._say(f"Would connect @{plan.identity.account.username} on {plan.base_url}", plan.identity.instance)
            self._tell(plan.identity.capabilities)
        if connection is not None:
            instance = Instance(connection.software, connection.software_version)
            self._say(f"Connected {connection.address} as {connection.name!r} (connection {connection.pk})", instance)
            self._tell(capabilities_for(connection))

    def _say(self, what: str, instance: Instance) -> None:
        self.stdout.write(self.style.SUCCESS(f"{what}: {instance.software or 'unknown software'} {instance.version}."))

    def _tell(self, capabilities: Capabilities) -> None:
        if capabilities.can_write:
            self.stdout.write(" ".join(capabilities.notes))
        else:
            self.stdout.write(self.style.WARNING(capabilities.reason))


@sensitive_variables("token")
def _read_token(named: str) -> str:
    where = "Standard input" if named == "-" else f"The token file {named}"
    try:
        text = sys.stdin.read(LONGEST_TOKEN + 1) if named == "-" else _read_file(Path(named), where)
    except OSError as error:
        raise CommandError(f"{where} cannot be read: {error}.") from error
    except UnicodeDecodeError:
        raise CommandError(f"{where} is not text in UTF-8. Save it as plain UTF-8 text.") from None
    token = text.removeprefix("\ufeff").strip()  # the byte order mark that some editors write
    if not token or len(token) > LONGEST_TOKEN or len(token.split()) > 1:
        raise CommandError(f"{where} must hold the access token and nothing else.")
    return token


@sensitive_variables("data")
def _read_file(path: Path, where: str) -> str:
    """The text of a small file. Raises CommandError for UTF-16, UnicodeDecodeError for other text than UTF-8."""
    with path.open("rb") as file:
        data = file.read(4 * LONGEST_TOKEN)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\x00" in data:
        raise CommandError(f"{where} is in UTF-16 or no text at all. Save it as plain UTF-8 text.")
    return data.decode("utf-8")
